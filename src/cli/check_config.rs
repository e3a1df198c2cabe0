//! `dind-injector check-config`: a policy file's faults before a cluster has it.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::terminal::line;
use crate::policy_file::{Config, ConfigErrors, schema};

use crate::cli::{CliError, Exit, input};

/// The flags of `check-config`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector check-config -f policy.yaml
  dind-injector check-config --schema > policy.schema.json
      For editors: # yaml-language-server: $schema=policy.schema.json

Exit status: 0 every file is a policy, 1 one is not (file:line:column: what to write instead),
2 one cannot be read.")]
pub struct CheckConfigArgs {
    /// Policy file, YAML or JSON; - is standard input
    #[arg(
        short,
        long = "filename",
        value_name = "FILE",
        required_unless_present = "schema"
    )]
    filename: Vec<String>,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Print the JSON Schema of a policy file in place of checking one
    #[arg(long, conflicts_with_all = ["filename", "output"])]
    schema: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line for each fault, as compilers write them
    Text,
    /// A JSON list with one object for each file
    Json,
}

/// Runs the command.
///
/// # Errors
/// Where a file cannot be read.
pub fn run(args: CheckConfigArgs, out: &mut dyn Write) -> Result<Exit, CliError> {
    let CheckConfigArgs {
        filename,
        output,
        schema: only_schema,
    } = args;
    if only_schema {
        return write_json(out, &schema()).map(|()| Exit::Done);
    }
    let mut results = Vec::new();
    for file in &filename {
        let (name, text) = input::text(file)?;
        results.push((name, Config::from_yaml(&text)));
    }
    match output {
        Format::Text => {
            for (name, result) in &results {
                write_text(out, name, result)?;
            }
        }
        Format::Json => {
            let all: Value = results.iter().map(|(name, r)| to_json(name, r)).collect();
            write_json(out, &all)?;
        }
    }
    let all_are_sound = results.iter().all(|(_, result)| result.is_ok());
    Ok(if all_are_sound {
        Exit::Done
    } else {
        Exit::Findings
    })
}

type Checked = Result<Config, ConfigErrors>;

fn write_text(out: &mut dyn Write, name: &str, result: &Checked) -> Result<(), CliError> {
    match result {
        Ok(config) => {
            let rules = config.policy().rules.len();
            let plural = if rules == 1 { "" } else { "s" };
            let version = config.version();
            line(
                out,
                format_args!("{name}: ok, {rules} rule{plural}, version {version}"),
            )?;
        }
        Err(errors) => {
            for error in errors.iter() {
                line(out, format_args!("{name}:{error}"))?;
            }
        }
    }
    Ok(())
}

fn to_json(name: &str, result: &Checked) -> Value {
    match result {
        Ok(config) => json!({
            "file": name,
            "valid": true,
            "version": config.version().to_string(),
            "errors": [],
        }),
        Err(errors) => json!({"file": name, "valid": false, "errors": errors.to_json()}),
    }
}

fn write_json(out: &mut dyn Write, value: &Value) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(())
}
