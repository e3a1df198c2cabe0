//! `dind-injector certs`: a development CA and pair, by hand.

use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;

use crate::tls::{DEFAULT_DNS_NAMES, Written, write_development};

use crate::cli::flag_name::server;
use crate::cli::{CliError, Exit};

/// The flags of `certs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector certs --dir certs
  dind-injector serve --tls-cert certs/tls.crt --tls-key certs/tls.key

For development: in a cluster the webhook keeps its own certificates, or cert-manager does.")]
pub struct CertsArgs {
    /// Directory for ca.crt, tls.crt and tls.key; made where it is missing
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Name or address that the certificate is for; repeatable
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = server,
        default_values_t = DEFAULT_DNS_NAMES.map(String::from)
    )]
    dns_name: Vec<String>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

/// Runs the command.
///
/// # Errors
/// Where the files cannot be made.
pub fn run(args: CertsArgs, out: &mut dyn Write) -> Result<Exit, CliError> {
    let CertsArgs {
        dir,
        dns_name,
        force,
    } = args;
    let Written {
        ca,
        certificate,
        key,
    } = write_development(&dir, &dns_name, force, SystemTime::now())?;
    let (ca, certificate, key) = (ca.display(), certificate.display(), key.display());
    writeln!(
        out,
        "{ca}\n{certificate}\n{key}\n\n\
         Valid for a year, for {}. The CA's key was not kept.\n\n\
         kubectl -n dind-injector create secret tls dind-injector-tls --cert={certificate} --key={key}\n\
         caBundle: base64 -w0 {ca}",
        dns_name.join(", "),
    )?;
    Ok(Exit::Done)
}
