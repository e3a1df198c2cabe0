//! The mounted certificate is replaced by one of another CA while reviews come, and then by
//! rubbish, which must change nothing.

use std::sync::Arc;
use std::time::SystemTime;

use dind_injector::tls::write_development;

use super::mount::Mount;
use super::{Outcome, Scene};
use crate::client::{Connection, SERVER_NAME, Trust};
use crate::traffic::{Plan, Way};

/// A CA and a pair of it.
struct Pair {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    fn make(scene: &Scene<'_>) -> Result<Self, String> {
        let folder = scene.bench.folder("pair");
        let names = [SERVER_NAME.to_owned()];
        let written = write_development(&folder, &names, false, SystemTime::now());
        let written = written.map_err(|error| error.to_string())?;
        let read = |path| std::fs::read(path).map_err(|error: std::io::Error| error.to_string());
        Ok(Self {
            ca: read(&written.ca)?,
            certificate: read(&written.certificate)?,
            key: read(&written.key)?,
        })
    }

    fn files(&self) -> [(&str, &[u8]); 2] {
        [("tls.crt", &self.certificate), ("tls.key", &self.key)]
    }
}

pub async fn run(scene: &Scene<'_>) -> Outcome {
    let (old, new) = (Pair::make(scene)?, Pair::make(scene)?);
    let mut mount = Mount::new(scene.bench.folder("mounted"), &old.files())?;
    let (certificate, key) = (mount.path("tls.crt"), mount.path("tls.key"));
    let policy = scene.bench.swaps();
    let mut served = scene.bench.serve(
        None,
        &[
            "--tls-cert".as_ref(),
            certificate.as_os_str(),
            "--tls-key".as_ref(),
            key.as_os_str(),
            "--config".as_ref(),
            policy.as_os_str(),
        ],
    );
    served.ready().await?;
    // As one does by hand: both CAs in the caBundle first.
    let trust = Trust::pem([old.ca.as_slice(), &new.ca].concat())?;
    let address = served.address;
    let way: Way = Arc::new(move || Ok((address, trust.clone())));
    let plan = Plan::paced(way);
    let traffic = Plan {
        renew: Some(5),
        ..plan
    }
    .start();
    traffic.more(200).await?;

    let reloads = "dind_injector_certificate_reloads_total";
    let before = served.metric(reloads, "").await?;
    mount.project(&new.files())?;
    served.reaches(reloads, "", before + 1.0).await?;
    traffic.more(200).await?;
    Connection::open(address, &Trust::pem(&new.ca)?).await?;
    if Connection::open(address, &Trust::pem(&old.ca)?)
        .await
        .is_ok()
    {
        return Err("the old certificate is still served".to_owned());
    }

    mount.project(&[("tls.crt", b"rubbish"), ("tls.key", &new.key)])?;
    served
        .reaches("dind_injector_certificate_reload_failures_total", "", 1.0)
        .await?;
    traffic.more(200).await?;
    Connection::open(address, &Trust::pem(&new.ca)?).await?;
    let tally = traffic.stop().await;
    tally.is_flawless()?;
    Ok(format!(
        "{} reviews on {} connections, none failed",
        tally.answered, tally.connects
    ))
}
