//! The JSON Schema of a policy file, committed as the program makes it.

use dind_injector::policy_file::schema;

use super::golden;

#[test]
fn the_committed_schema_is_the_one_the_program_makes() {
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    golden("manifests/policy.schema.json", &made);
}
