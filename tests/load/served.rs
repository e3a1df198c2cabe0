//! A server in a process of its own: started, asked, measured by the kernel's books, ended.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::Trust;
use crate::traffic::Way;

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run needs: the binary under test and a folder to work in.
pub struct Bench {
    pub binary: PathBuf,
    pub directory: PathBuf,
    next: AtomicU32,
}

/// A running server, killed when it is dropped.
pub struct Served {
    child: Child,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    /// What it said on standard output: the caBundle, where it made one.
    output: PathBuf,
    log: PathBuf,
    started: Instant,
}

impl Bench {
    pub fn new(binary: PathBuf) -> std::io::Result<Self> {
        let name = format!("dind-injector-load-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory)?;
        let next = AtomicU32::new(0);
        Ok(Self {
            binary,
            directory,
            next,
        })
    }

    /// A folder of its own for one part of the run.
    pub fn folder(&self, name: &str) -> PathBuf {
        let number = self.next.fetch_add(1, Relaxed);
        let folder = self.directory.join(format!("{name}-{number}"));
        std::fs::create_dir_all(&folder).expect("a folder below the run's own");
        folder
    }

    /// A policy file that swaps everywhere.
    pub fn swaps(&self) -> PathBuf {
        let file = self.folder("policy").join("policy.yaml");
        std::fs::write(&file, SWAPS).expect("a file below the run's own folder");
        file
    }

    /// `dind-injector serve` without a cluster, with these flags besides.
    pub fn serve<S: AsRef<std::ffi::OsStr>>(&self, core: Option<usize>, flags: &[S]) -> Served {
        let mut arguments: Vec<&std::ffi::OsStr> = vec!["serve".as_ref()];
        arguments.extend(flags.iter().map(AsRef::as_ref));
        self.start(&self.binary, core, &arguments)
    }

    /// A program that takes `--listen` and `--admin-listen`.
    pub fn start(&self, program: &Path, core: Option<usize>, flags: &[&std::ffi::OsStr]) -> Served {
        let folder = self.folder("served");
        let (output, log) = (folder.join("out"), folder.join("log"));
        let create = |path: &Path| std::fs::File::create(path).expect("a file to write to");
        let (address, admin) = (free_port(), free_port());
        let mut command = match core {
            None => Command::new(program),
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", &core.to_string()]).arg(program);
                command
            }
        };
        command
            .args(flags)
            .args(["--listen", &address.to_string()])
            .args(["--admin-listen", &admin.to_string()])
            .env_remove("KUBERNETES_SERVICE_HOST")
            .stdin(Stdio::null())
            .stdout(create(&output))
            .stderr(create(&log));
        let started = Instant::now();
        Served {
            child: command.spawn().expect("the program starts"),
            address,
            admin,
            output,
            log,
            started,
        }
    }
}

/// A policy that swaps everywhere.
pub const SWAPS: &str =
    "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\ndefault: {hostSockets: Swap}\n";

impl Served {
    /// Waits until it is ready, and says how long that took from its start.
    pub async fn ready(&mut self) -> Result<Duration, String> {
        while self.started.elapsed() < PATIENCE {
            if let Ok((200, _)) = self.get("/readyz").await {
                return Ok(self.started.elapsed());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it ended with {status}: {}", self.log()));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(format!(
            "never ready: {:?}; {}",
            self.get("/readyz").await,
            self.log()
        ))
    }

    /// The CA that it made, in PEM.
    pub fn ca_pem(&self) -> Result<String, String> {
        let text = std::fs::read_to_string(&self.output).map_err(|error| error.to_string())?;
        let encoded = text
            .trim()
            .strip_prefix("caBundle: ")
            .ok_or("no caBundle was printed")?;
        let pem = base64_simd::STANDARD.decode_to_vec(encoded);
        String::from_utf8(pem.map_err(|error| error.to_string())?).map_err(|e| e.to_string())
    }

    /// All connections here, with the CA that it printed.
    pub fn way(&self) -> Result<Way, String> {
        let (address, trust) = (self.address, Trust::pem(self.ca_pem()?)?);
        Ok(Arc::new(move || Ok((address, trust.clone()))))
    }

    /// A plain GET on the admin port.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        get(self.admin, path).await
    }

    /// The sum of a metric's series whose labels contain the given text.
    pub async fn metric(&self, name: &str, labels: &str) -> Result<f64, String> {
        let (_, text) = self.get("/metrics").await?;
        let of = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let of_it = series.split('{').next() == Some(name) && series.contains(labels);
            of_it.then(|| value.parse::<f64>().unwrap_or(f64::NAN))
        };
        Ok(text.lines().filter_map(of).sum())
    }

    /// Waits until a metric has reached a value.
    pub async fn reaches(&self, name: &str, labels: &str, value: f64) -> Result<(), String> {
        self.becomes(name, labels, ("reached", value), |now| now >= value)
            .await
    }

    /// Waits until a metric is no more than a value.
    pub async fn falls_to(&self, name: &str, labels: &str, value: f64) -> Result<(), String> {
        self.becomes(name, labels, ("fell to", value), |now| now <= value)
            .await
    }

    async fn becomes(
        &self,
        name: &str,
        labels: &str,
        (verb, value): (&str, f64),
        is_right: impl Fn(f64) -> bool,
    ) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if is_right(self.metric(name, labels).await?) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!(
            "{name}{{{labels}}} never {verb} {value}: {}",
            self.log()
        ))
    }

    /// A line of /proc/PID/status, in KiB: `VmRSS`, `VmHWM`.
    pub fn memory(&self, line: &str) -> Result<u64, String> {
        let text = self.proc("status")?;
        let kib = text
            .lines()
            .find_map(|found| found.strip_prefix(line)?.strip_prefix(':'))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        kib.ok_or_else(|| format!("no {line} in /proc/PID/status"))
    }

    /// CPU time that its threads have used so far, by the scheduler's books.
    pub fn cpu(&self) -> Result<Duration, String> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let mut nanos = 0;
        for task in std::fs::read_dir(tasks)
            .map_err(|error| error.to_string())?
            .flatten()
        {
            let text = std::fs::read_to_string(task.path().join("schedstat"));
            let text = text.map_err(|error| error.to_string())?;
            let first = text
                .split(' ')
                .next()
                .and_then(|nanos| nanos.parse::<u64>().ok());
            nanos += first.ok_or("no CPU time in schedstat")?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    fn proc(&self, file: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or("no process id")?;
        kill_process(pid, signal).map_err(|error| error.to_string())
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus, String> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("it never ended".to_owned())
    }

    /// The last lines of its log.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let other = |line: &&str| !line.contains("\"message\":\"review\"");
        let lines: Vec<&str> = text.lines().filter(other).collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A log of some hundred thousand reviews is of no use to anybody.
        let _ = std::fs::remove_file(&self.log);
    }
}

/// A plain GET.
pub async fn get(address: SocketAddr, path: &str) -> Result<(u16, String), String> {
    let get = async {
        let mut tcp = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        tcp.read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let text = tokio::time::timeout(Duration::from_secs(10), get).await;
    let text = text.map_err(|_| format!("{path}: no answer"))?;
    let text = text.map_err(|error| format!("{path}: {error}"))?;
    let status = text.get(9..12).and_then(|code| code.parse().ok());
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    status
        .zip(body)
        .ok_or_else(|| format!("{path}: not an answer: {text}"))
}

/// A port that was free a moment ago, from below those that the kernel gives to clients. Both
/// are named, so that a start is timed without a look at the log.
fn free_port() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() % 10_000;
    loop {
        let offset = (first + NEXT.fetch_add(1, Relaxed)) % 12_000;
        let port = 20_000 + u16::try_from(offset).unwrap_or(0);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
