// The SBOM against the official schema of CycloneDX, and its licences against the list of SPDX.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import parse from "spdx-expression-parse";

const text = readFileSync(process.env.SBOM, "utf8");
const current = new Set(createRequire(import.meta.url)("spdx-license-ids"));
// The published schema, with no field but those it names.
const schema = new Validation.JsonStrictValidator(Spec.Version.v1dot5);

const changed = (change) => {
  const bom = JSON.parse(text);
  change(bom);
  return JSON.stringify(bom);
};
const licences = (bom) =>
  [bom.metadata.component, ...bom.components].flatMap(({ name, licenses }) =>
    licenses.map(({ expression }) => ({ name, expression })),
  );
/** Why an expression is none of SPDX, or nothing. */
const fault = (expression) => {
  try {
    const unknown = (part) =>
      part.license ? [part.license].filter((id) => !current.has(id)) : [part.left, part.right].flatMap(unknown);
    return unknown(parse(expression)).join() || undefined;
  } catch (error) {
    return error.message;
  }
};

test("it follows the schema", async () => {
  assert.equal(await schema.validate(text), null);
});

const broken = {
  "a kind of component that there is not": (bom) => (bom.components[0].type = "crate"),
  "a checksum that is too short": (bom) => (bom.components[0].hashes[0].content = "c982"),
  "a field that the schema does not have": (bom) => (bom.components[0].license = "MIT"),
  "a component without a name": (bom) => delete bom.components[0].name,
  "two expressions for one component": (bom) => bom.components[0].licenses.push({ expression: "MIT" }),
  "a component twice": (bom) => bom.components.push(bom.components[0]),
};
for (const [what, change] of Object.entries(broken)) {
  test(`the schema refuses ${what}`, async () => {
    assert.notEqual(await schema.validate(changed(change)), null);
  });
}

test("each licence is an expression of SPDX, of licences that are current", () => {
  const all = licences(JSON.parse(text));
  assert.ok(all.length > 50, `only ${all.length} licences`);
  assert.deepEqual(
    all.map((one) => ({ ...one, fault: fault(one.expression) })).filter(({ fault }) => fault),
    [],
  );
});

for (const expression of ["MIT/Apache-2.0", "Apache 2.0", "MIT OR Nobody's", "GPL-3.0"]) {
  test(`"${expression}" is no such expression`, () => assert.ok(fault(expression)));
}

test("each package URL can be read, and names its component", () => {
  const { metadata, components } = JSON.parse(text);
  for (const { name, version, purl } of [metadata.component, ...components]) {
    const [, at, of] = /^pkg:cargo\/([\w-]+)@([\w.~%-]+)$/.exec(purl) ?? [];
    assert.deepEqual([at, decodeURIComponent(of ?? "")], [name, version], purl);
  }
});

test("each address is whole", () => {
  for (const { externalReferences = [] } of JSON.parse(text).components)
    for (const { url } of externalReferences) assert.match(new URL(url).protocol, /^https?:$/, url);
});
