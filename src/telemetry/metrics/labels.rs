//! The label sets: enums and short lists, so that no series can be made by a client.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

use crate::decide::reason::Reason;

/// How a review ended. `rule` and `profile` are names from the policy, `""` where none
/// applied; `outcome` and `reason` are the program's own words.
#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub struct ReviewLabels {
    /// What was answered: `left`, `changed` or `denied`; of a workload `left` or `warned`.
    pub outcome: &'static str,
    /// Why, as one of the program's reason words.
    pub reason: &'static str,
    /// The policy rule that decided.
    pub rule: Arc<str>,
    /// The profile that was injected.
    pub profile: Arc<str>,
}

impl ReviewLabels {
    /// Those of a Pod that is no concern of this program, as most are.
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

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub struct RequestLabels {
    pub route: Route,
    /// The HTTP status code.
    pub code: u16,
}

/// Declares an enum whose variants are label values, with the list of all of them.
macro_rules! label_values {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value there is.
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
        /// A path that is not served.
        Other = "other",
    }
}

label_values! {
    /// Why a request was answered 503.
    ShedReason {
        /// Too many requests were waiting for their bodies.
        Requests = "requests",
        /// The bodies that were waited for held too much memory.
        Memory = "memory",
    }
}

label_values! {
    /// Why the server closed a connection.
    DropReason {
        /// It had sent no request yet, and a newcomer needed its place.
        Evicted = "evicted",
        /// Every place was held by a connection that had sent requests.
        Full = "full",
        /// It began a request, or an answer's reading, and did not go on.
        Stalled = "stalled",
        /// Quiet for longer than any API server keeps a connection.
        Idle = "idle",
        /// What it sent was not HTTP.
        Protocol = "protocol",
    }
}

label_values! {
    /// Why a TLS handshake failed.
    HandshakeFailure {
        /// It was not finished in time.
        Timeout = "timeout",
        /// The client went away; port checks do.
        Eof = "eof",
        /// The client sent something other than TLS.
        NotTls = "not_tls",
        /// No TLS version, cipher suite or protocol in common.
        Incompatible = "incompatible",
        /// The client does not trust our certificate: is caBundle right?
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
