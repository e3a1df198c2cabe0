//! Label sets made of enums and names of the policy, so that a client cannot create a series.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

use crate::decide::reason::Reason;

/// `rule` and `profile` are names from the policy, or `""`; `outcome` and `reason` are fixed words.
#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub struct ReviewLabels {
    /// `left`, `changed` or `denied`; for a workload `left` or `warned`.
    pub outcome: &'static str,
    /// A fixed word.
    pub reason: &'static str,
    /// The rule that decided.
    pub rule: Arc<str>,
    /// The profile that was injected.
    pub profile: Arc<str>,
}

impl ReviewLabels {
    /// The labels of most Pods, which do not concern this program.
    #[must_use]
    pub fn unconcerned() -> Self {
        Self {
            outcome: "left",
            reason: Reason::NothingToDo.name(),
            rule: Arc::from(""),
            profile: Arc::from(""),
        }
    }
}

/// A profile that did not fit a Pod: names from the policy, and a fixed word.
#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub struct PassedOverLabels {
    pub rule: Arc<str>,
    /// The profile that the rule prefers.
    pub profile: Arc<str>,
    pub reason: &'static str,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub struct RequestLabels {
    pub route: Route,
    pub code: u16,
}

/// Declares an enum whose variants are label values, with a list of them.
macro_rules! label_values {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl prometheus_client::encoding::EncodeLabelValue for $name {
            fn encode(
                &self,
                encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
            ) -> std::fmt::Result {
                std::fmt::Write::write_str(encoder, self.as_str())
            }
        }
    };
}

pub(crate) use label_values;

label_values! {
    Route {
        /// `POST /mutate`
        Mutate = "mutate",
        /// `POST /verify`
        Verify = "verify",
        /// `POST /warn`
        Warn = "warn",
        /// A path that does not exist.
        Other = "other",
    }
}

label_values! {
    /// Why a request was answered 503.
    ShedReason {
        /// Too many requests with incomplete bodies.
        Requests = "requests",
        /// Incomplete bodies took too much memory.
        Memory = "memory",
    }
}

label_values! {
    /// Why the server closed a connection.
    DropReason {
        /// It had sent no request yet, and a newcomer needed its place.
        Evicted = "evicted",
        /// Every place was taken by connections that had sent requests.
        Full = "full",
        /// It began a request, or to read an answer, and did not continue.
        Stalled = "stalled",
        /// It was silent for longer than an API server keeps a connection.
        Idle = "idle",
        /// It did not send HTTP.
        Protocol = "protocol",
    }
}

label_values! {
    /// Why a TLS handshake failed.
    HandshakeFailure {
        /// It did not finish in time.
        Timeout = "timeout",
        /// The client closed the connection, like a port check.
        Eof = "eof",
        /// The client did not send TLS.
        NotTls = "not_tls",
        /// No common TLS version, cipher suite or protocol.
        Incompatible = "incompatible",
        /// The client does not trust our certificate: check caBundle.
        CertificateRefused = "certificate_refused",
        /// We do not trust the client's certificate, or it sent none.
        ClientCertificate = "client_certificate",
        /// We have no certificate yet.
        NoCertificate = "no_certificate",
        Other = "other",
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub(crate) struct RouteLabels {
    pub(crate) route: Route,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub(crate) struct ShedLabels {
    pub(crate) reason: ShedReason,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub(crate) struct DropLabels {
    pub(crate) reason: DropReason,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub(crate) struct HandshakeLabels {
    pub(crate) reason: HandshakeFailure,
}
