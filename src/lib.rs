//! dind-injector
