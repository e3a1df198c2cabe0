//! The policy file is replaced while reviews come: every answer is of one policy or the other,
//! and a file with a fault in it changes nothing.

use super::mount::Mount;
use super::{Outcome, Scene, decides};
use crate::review::{Expect, Review};
use crate::served::SWAPS;
use crate::traffic::Plan;

const WARNS: &str =
    "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\ndefault: {hostSockets: Warn}\n";
const BROKEN: &str =
    "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\ndefault: {hostSockets: Perhaps}\n";

pub async fn run(scene: &Scene<'_>) -> Outcome {
    let mut mount = Mount::new(
        scene.bench.folder("policy"),
        &[("policy.yaml", SWAPS.as_bytes())],
    )?;
    let path = mount.path("policy.yaml");
    let mut served = scene
        .bench
        .serve(None, &["--config".as_ref(), path.as_os_str()]);
    served.ready().await?;
    let plan = Plan::paced(served.way()?);
    let reviews = vec![Review::small(), Review::large().expecting(Expect::Either)];
    let traffic = Plan { reviews, ..plan }.start();
    decides(&served.way()?, Expect::Changed).await?;

    let reloads = "dind_injector_file_reloads_total";
    let mut taken = served.metric(reloads, "result=\"ok\"").await?;
    for (policy, expect) in [(WARNS, Expect::Left), (SWAPS, Expect::Changed)] {
        mount.project(&[("policy.yaml", policy.as_bytes())])?;
        taken += 1.0;
        served.reaches(reloads, "result=\"ok\"", taken).await?;
        decides(&served.way()?, expect).await?;
        traffic.more(200).await?;
    }
    mount.project(&[("policy.yaml", BROKEN.as_bytes())])?;
    served
        .reaches("dind_injector_file_refused", "file=\"policy\"", 1.0)
        .await?;
    decides(&served.way()?, Expect::Changed).await?;
    traffic.more(200).await?;
    let tally = traffic.stop().await;
    tally.is_flawless()?;
    Ok(format!(
        "{} reviews over three reloads, none failed",
        tally.answered
    ))
}
