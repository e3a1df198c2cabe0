//! `dind-injector check`: whether a cluster can have the webhook, whether it works, and whether a Pod with its own
//! daemon runs.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};

use crate::check::{Outcome, Report};
use crate::inspect::api::Api;
use crate::inspect::{Asked, Task, before, installed, run as run_pod};
use crate::names;
use crate::render::checks::checks;
use crate::server::{Shutdown, duration};

use crate::cli::live::{ConnectError, connect};
use crate::cli::{CliError, Exit, output, runtime};

/// The shortest deadline of a Pod: a node needs some seconds to start one at all.
const SHORTEST: Duration = Duration::from_secs(10);

/// The flags of `check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector check --pre                   before installing: can this cluster have it?
  dind-injector check -n ci                   afterwards: does it work for Pods in ci?
  dind-injector check --run -n ci             and does such a Pod run? (makes one, and deletes it)
  dind-injector check --run -n ci --node worker-3 --image registry.example/docker:28-cli
  dind-injector check -n ci -o json | jq '.checks[] | select(.outcome != \"ok\")'

Without --run nothing is created: a Pod that mounts docker.sock is sent through the API server by
a dry run. The image of --run needs sh, tar and the docker command, as docker:dind and docker:cli
have them.

Exit status: 0 every check is ok or a warning, 1 a check failed, 2 none failed, and one could not
be asked.")]
pub struct CheckArgs {
    /// Check the cluster before anything is installed
    #[arg(long, conflicts_with_all = ["run", "namespace", "name"])]
    pre: bool,
    /// Create one Pod, have it try what jobs do with Docker, and delete it
    #[arg(long)]
    run: bool,
    /// Namespace in which a Pod is tried; if omitted, the context's own
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// Name of the installation: of its Deployment, Service and webhook configurations
    #[arg(long, value_name = "NAME", default_value = names::SERVICE)]
    name: String,
    /// Image of the Pod of --run; if omitted, the image of the profile
    #[arg(long, value_name = "IMAGE", requires = "run")]
    image: Option<String>,
    /// Node of the Pod of --run, whatever its taints; if omitted, any
    #[arg(long, value_name = "NAME", requires = "run")]
    node: Option<String>,
    /// Profile of the Pod of --run; if omitted, the default of the rule that decides there
    #[arg(long, value_name = "NAME", requires = "run")]
    profile: Option<String>,
    /// Longest time for the Pod of --run, pulling its images included
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = deadline, requires = "run")]
    timeout: Duration,
    /// Context of the kubeconfig to use in place of the current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Kubeconfig to use in place of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE", env = "DIND_INJECTOR_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line a check
    Text,
    /// One JSON object
    Json,
}

/// Why a cluster cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// No cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The runtime, or its signals.
    #[error("cannot start: {0}")]
    Start(std::io::Error),
}

fn deadline(text: &str) -> Result<Duration, String> {
    let deadline = duration(text)?;
    if deadline < SHORTEST {
        return Err(format!("the shortest is {}s", SHORTEST.as_secs()));
    }
    Ok(deadline)
}

/// Runs the command.
///
/// # Errors
/// Where no cluster is known, or the result cannot be written.
pub fn run(args: CheckArgs, out: &mut dyn Write) -> Result<Exit, CliError> {
    let format = args.output;
    let report = runtime::run(asked(args)).map_err(CheckError::Start)??;
    match format {
        Format::Text => out.write_all(checks(&report, output::paint()).as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &report.to_json())
                .map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(match report.worst() {
        Outcome::Ok | Outcome::Warning => Exit::Done,
        Outcome::Failed => Exit::Findings,
        Outcome::CouldNotAsk => Exit::Failed,
    })
}

async fn asked(args: CheckArgs) -> Result<Report, CheckError> {
    let CheckArgs {
        pre,
        run,
        namespace,
        name,
        image,
        node,
        profile,
        timeout,
        context,
        kubeconfig,
        output: _,
    } = args;
    let client = connect(context.as_ref(), kubeconfig.as_ref()).await?;
    let api = Api::new(client);
    if pre {
        return Ok(before(&api).await.checks());
    }
    if run {
        let task = Task {
            name,
            namespace,
            image,
            node,
            profile,
            timeout,
        };
        let (_stopper, mut shutdown) = Shutdown::on_signals().map_err(CheckError::Start)?;
        return Ok(run_pod(&api, &task, async move { shutdown.asked().await }).await);
    }
    let asked = Asked { name, namespace };
    Ok(installed(&api, &asked, SystemTime::now()).await.checks())
}
