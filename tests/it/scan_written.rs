//! Results of a scan that lie in what the next one looks at.

use crate::scan_command::{Dir, SWAPPED};

#[test]
fn a_result_in_the_directory_makes_the_next_scan_no_other() {
    let dir = Dir::new().with("pod.yaml", SWAPPED);
    let before = dir.scan(&["."]);
    assert_eq!(before.status, 1, "{}", before.out);
    let mut dir = dir;
    for (format, name) in [
        ("json", "scan.json"),
        ("sarif", "scan.sarif"),
        ("csv", "scan.csv"),
        ("html", "report.html"),
    ] {
        let result = dir.scan(&["pod.yaml", "-o", format]).out;
        dir = dir.with(name, &result);
        let ended = dir.scan(&["."]);
        assert_eq!(ended.status, 1, "{name}: {}", ended.out);
        // Whoever names it has it read, and a manifest behind it is none of it.
        if name != "scan.json" {
            assert_eq!(dir.scan(&[name]).status, 2, "{name}");
        }
        let forged = format!("{result}\n---\n{SWAPPED}");
        dir = dir.with(&format!("forged-{name}"), &forged);
        assert_ne!(
            dir.scan(&[".", "--exclude", "pod.yaml"]).status,
            0,
            "{name}"
        );
        std::fs::remove_file(dir.path().join(format!("forged-{name}"))).unwrap();
    }
}
