//! The JSON Schema of a policy file: committed as the program makes it, and of one mind with
//! the parser.

use dind_injector::policy::config::schema;

fn committed() -> String {
    let path = format!(
        "{}/manifests/policy.schema.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_committed_schema_is_the_one_the_program_makes() {
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    assert_eq!(
        committed(),
        made,
        "write it anew: dind-injector check-config --schema > manifests/policy.schema.json"
    );
}
