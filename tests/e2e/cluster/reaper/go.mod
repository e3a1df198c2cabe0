module dind-injector.io/e2e/reaper

go 1.26.0
