//! Load and faults: `tests/load/run` builds this and runs it.
//!
//! It speaks as the API server does: 25 kept-alive HTTP/1.1 connections over TLS, reviews of
//! both sizes, and every answer is judged by its uid, its patch and its status. `measure` is a
//! benchmark against a floor and reports; `connections` has ever more of them open; `faults` asserts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_macros,
    missing_docs,
    reason = "as in every test; it prints for who runs it"
)]

#[path = "../it/cluster/api.rs"]
#[allow(dead_code, reason = "tests/it/cluster uses the rest")]
mod api;
mod client;
mod connections;
mod faults;
mod floor;
#[path = "../support/hostile.rs"]
#[allow(dead_code, reason = "tests/cost.rs uses the rest")]
mod hostile;
mod measure;
mod report;
mod review;
#[path = "../support/reviews.rs"]
mod reviews;
mod served;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use served::Bench;

const USAGE: &str = "usage: tests/load/run [measure] [connections] [faults [--short] [WORD...]]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["floor", ..] => floor::run(),
        ["attack", rest @ ..] => faults::attack::run(rest),
        [] => whole(true, Some((false, &[]))),
        ["measure"] => whole(true, None),
        ["connections"] => crowd(),
        ["faults", "--short", rest @ ..] => whole(false, Some((true, rest))),
        ["faults", rest @ ..] => whole(false, Some((false, rest))),
        _ => Err(USAGE.to_owned()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// The measurement, the faults, or both.
fn whole(measured: bool, faults: Option<(bool, &[&str])>) -> Result<ExitCode, String> {
    let bench = Bench::new(binary()?).map_err(|error| error.to_string())?;
    println!("machine: {}", report::machine());
    let (mut passed, mut failed) = (0, 0);
    // Faults first: measuring pins this process to one core.
    if let Some((short, words)) = faults {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        (passed, failed) = runtime.block_on(faults::run(&bench, short, words));
    }
    if measured {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        match runtime.block_on(measure::run(&bench)) {
            Ok(table) => {
                print!("\n{table}");
                println!("targets: {} met, {} not met", table.met(), table.missed());
                passed += 1;
            }
            Err(error) => {
                println!("FAIL  measure: {error}");
                failed += 1;
            }
        }
    }
    drop(std::fs::remove_dir_all(&bench.directory));
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The measurement of ever more connections.
fn crowd() -> Result<ExitCode, String> {
    let bench = Bench::new(binary()?).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let measured = runtime.block_on(connections::run(&bench));
    drop(std::fs::remove_dir_all(&bench.directory));
    print!("{}", measured?);
    Ok(ExitCode::SUCCESS)
}

/// The release binary beside this program, unless another is named.
fn binary() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("DIND_INJECTOR_BINARY") {
        return Ok(named.into());
    }
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = here.parent().and_then(|examples| examples.parent());
    let binary = folder
        .ok_or("this program is in no folder")?
        .join("dind-injector");
    if binary.exists() {
        return Ok(binary);
    }
    Err(format!(
        "{} is not there: use tests/load/run, which builds it",
        binary.display()
    ))
}

/// Waits until a condition holds.
async fn until(what: &str, condition: impl Fn() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > Duration::from_secs(60) {
            return Err(format!("{what}: took too long"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
