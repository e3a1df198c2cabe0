//! Pod templates in Jenkins pipelines: YAML in strings, and the plugin's own steps.
//!
//! Groovy is cut into words, strings and signs, with comments left out; nothing is run.
//! What a pipeline puts together at run time cannot be seen here.

pub(crate) mod tokens;
mod values;

use std::ops::Range;

use crate::names;

use crate::scan::agent_env::Seen;
use crate::scan::sources::NodeVolume;
use crate::scan::sources::groovy::tokens::{Kind, Token, is, tokens};
use crate::scan::sources::groovy::values::{Variables, argument_at, path, positional, variables};

/// What a pipeline says about its Pods.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pipeline {
    /// Texts that are, or may be, a Pod in YAML.
    pub blocks: Vec<Block>,
    /// `podTemplate(…)` with volumes of the node.
    pub templates: Vec<Template>,
    /// The bytes of those texts.
    pub known: Vec<Range<usize>>,
    /// What variables are given, each with its bytes.
    pub assigned: Vec<(String, Range<usize>)>,
    /// The bytes of what the pipeline runs in its containers.
    pub scripts: Vec<Range<usize>>,
    /// The bytes of each `DOCKER_HOST` whose socket its template mounts.
    pub seen: Vec<Range<usize>>,
    /// Files with a Pod that the pipeline names, each with its line.
    pub files: Vec<(String, u32)>,
}

/// A string with a Pod in YAML.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The text, escapes resolved.
    pub text: String,
    /// The line on which it starts, from 1.
    pub line: u32,
    /// Whether it was given as `yaml`.
    pub is_yaml: bool,
}

/// One `podTemplate(…)`, or the volumes that stand outside of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Its label or name.
    pub name: Option<String>,
    /// Its `hostPathVolume(…)`.
    pub volumes: Vec<NodeVolume>,
    /// Each `DOCKER_HOST` that it has its containers be given, with its bytes.
    pub addresses: Vec<(String, Range<usize>)>,
    /// Its annotations.
    pub annotations: Vec<(String, String)>,
    /// Its `containerTemplate(…)`: name, image, command, arguments.
    pub containers: Vec<[String; 4]>,
    /// The line on which it starts.
    pub line: u32,
}

/// Whether `text` may be a pipeline with Pods of its own.
pub fn looks_like(text: &str) -> bool {
    text.contains("podTemplate(")
        || text.contains("hostPathVolume(")
        || text.contains("HostPathVolume(")
        || text.contains("yaml '''")
        || text.contains("yaml \"\"\"")
}

/// Reads a pipeline.
pub fn read(text: &str) -> Pipeline {
    let tokens = tokens(text);
    let variables = variables(&tokens);
    let mut pipeline = Pipeline::default();
    let mut template = Template::default();
    for (index, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Word(word) => {
                let called = is(&tokens, index + 1, '(');
                match (word.as_str(), called) {
                    ("podTemplate", true) => {
                        let next = Template {
                            line: token.line,
                            ..Template::default()
                        };
                        pipeline.keep(std::mem::replace(&mut template, next));
                        template.name = argument(&tokens, index, "label")
                            .or_else(|| argument(&tokens, index, "name"))
                            .map(|(text, _)| text);
                    }
                    ("hostPathVolume" | "HostPathVolume", true) => {
                        template.volumes.extend(volume(&tokens, index, &variables));
                    }
                    ("envVar" | "containerEnvVar", true) => {
                        template.addresses.extend(address(&tokens, index));
                    }
                    ("podAnnotation", true) => {
                        let of = |name| argument(&tokens, index, name).unwrap_or_default().0;
                        template.annotations.push((of("key"), of("value")));
                    }
                    ("containerTemplate", true) => {
                        let of = |name| argument(&tokens, index, name).unwrap_or_default().0;
                        let container = ["name", "image", "command", "args"].map(of);
                        template.containers.push(container);
                    }
                    _ => {}
                }
            }
            Kind::Text { text, long } => {
                let is_yaml = is_yaml_argument(&tokens, index);
                let looks = *long && text.contains("containers:");
                if names_file(&tokens, index) {
                    pipeline.files.push((text.clone(), token.line));
                }
                if index > 1 && is_class(&tokens, index, text) {
                    let around = map_around(&tokens, index);
                    let found = around.and_then(|at| volume(&tokens, at, &variables));
                    template.volumes.extend(found);
                }
                if index > 0 && (is(&tokens, index - 1, '=') || is(&tokens, index - 1, ':')) {
                    pipeline.assigned.push((text.clone(), token.bytes.clone()));
                }
                if is_script(&tokens, index) {
                    pipeline.scripts.push(token.bytes.clone());
                }
                if is_yaml || looks {
                    pipeline.known.push(token.bytes.clone());
                    pipeline.blocks.push(Block {
                        text: text.clone(),
                        line: token.line,
                        is_yaml,
                    });
                }
            }
            Kind::Sign(_) => {}
        }
    }
    pipeline.keep(template);
    pipeline
}

/// The volume that the call, or the map, behind the token at `index` is.
fn volume(tokens: &[Token], index: usize, variables: &Variables<'_>) -> Option<NodeVolume> {
    let [first, second] = positional(tokens, index, variables);
    let (host_path, line) = path(tokens, index, "hostPath", variables).or(first)?;
    let (mount_path, _) = path(tokens, index, "mountPath", variables).or(second)?;
    Some(NodeVolume {
        host_path,
        mount_path,
        line,
        lines: tokens.get(index)?.line..end_of_call(tokens, index) + 1,
    })
}

impl Pipeline {
    fn keep(&mut self, mut template: Template) {
        let mounts = template.volumes.iter();
        let seen = Seen {
            mounts: mounts.map(|volume| volume.mount_path.clone()).collect(),
            annotations: std::mem::take(&mut template.annotations),
        };
        let addresses = std::mem::take(&mut template.addresses).into_iter();
        let own = addresses.filter(|(address, _)| seen.has(address));
        self.seen.extend(own.map(|(_, bytes)| bytes));
        if !template.volumes.is_empty() {
            self.templates.push(template);
        }
    }
}

/// `yaml '…'`, `yaml: '…'`, `yaml('…')`, `yaml = '…'`.
fn is_yaml_argument(tokens: &[Token], index: usize) -> bool {
    let mut before = tokens[..index].iter().rev().map(|token| &token.kind);
    match before.next() {
        Some(Kind::Sign(':' | '(' | '=')) => {
            matches!(before.next(), Some(Kind::Word(word)) if word == "yaml")
        }
        Some(Kind::Word(word)) => word == "yaml",
        Some(Kind::Sign(_) | Kind::Text { .. }) | None => false,
    }
}

/// The token before the `[` of the map that holds the token at `index`.
fn map_around(tokens: &[Token], index: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for at in (0..index).rev() {
        match tokens[at].kind {
            Kind::Sign(')' | ']') => depth += 1,
            Kind::Sign('(' | '[') if depth == 0 => return at.checked_sub(1),
            Kind::Sign('(' | '[') => depth -= 1,
            Kind::Word(_) | Kind::Text { .. } | Kind::Sign(_) => {}
        }
    }
    None
}

/// Whether the string at `index` says that the map around it is a volume of the node:
/// `[$class: 'HostPathVolume', …]`.
fn is_class(tokens: &[Token], index: usize, text: &str) -> bool {
    let is_volume = text.rsplit('.').next() == Some("HostPathVolume");
    let before = index.checked_sub(2).map(|at| &tokens[at].kind);
    is_volume
        && is(tokens, index - 1, ':')
        && matches!(before, Some(Kind::Word(word)) if word == "class")
}

/// The file of which the string at `index` is the name: `yamlFile '…'`, `libraryResource('…')`.
fn names_file(tokens: &[Token], index: usize) -> bool {
    let mut before = tokens[..index].iter().rev().map(|token| &token.kind);
    let is_word = |kind: Option<&Kind>| matches!(kind, Some(Kind::Word(word)) if matches!(word.as_str(), "yamlFile" | "libraryResource" | "readTrusted"));
    match before.next() {
        Some(Kind::Sign(':' | '(' | '=')) => is_word(before.next()),
        first => is_word(first),
    }
}

/// `sh '…'`, `sh(script: '…')`, `bat`, `powershell`.
fn is_script(tokens: &[Token], index: usize) -> bool {
    let mut before = tokens[..index]
        .iter()
        .rev()
        .map(|token| &token.kind)
        .take(4);
    before.any(|kind| matches!(kind, Kind::Word(word) if matches!(word.as_str(), "sh" | "bat" | "powershell" | "pwsh")))
}

/// The line on which the call at `index` ends.
fn end_of_call(tokens: &[Token], index: usize) -> u32 {
    let mut depth = 0_usize;
    for token in tokens.iter().skip(index + 1) {
        match token.kind {
            Kind::Sign('(' | '[') => depth += 1,
            Kind::Sign(')' | ']') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return token.line;
                }
            }
            Kind::Word(_) | Kind::Text { .. } | Kind::Sign(_) => {}
        }
    }
    tokens.last().map_or(1, |token| token.line)
}

/// The `DOCKER_HOST` that the call at `index` gives, with its bytes.
fn address(tokens: &[Token], index: usize) -> Option<(String, Range<usize>)> {
    let (name, _) = argument(tokens, index, "key")?;
    let value = tokens.get(argument_at(tokens, index, "value")?)?;
    match &value.kind {
        Kind::Text { text, .. } if name == names::DOCKER_HOST => {
            Some((text.clone(), value.bytes.clone()))
        }
        Kind::Text { .. } | Kind::Word(_) | Kind::Sign(_) => None,
    }
}

/// The string that the call at `index` is given as `name:`, with its line.
fn argument(tokens: &[Token], index: usize, name: &str) -> Option<(String, u32)> {
    let token = tokens.get(argument_at(tokens, index, name)?)?;
    match &token.kind {
        Kind::Text { text, .. } => Some((text.clone(), token.line)),
        Kind::Word(_) | Kind::Sign(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_yaml_in_each_way_of_writing_it() {
        for text in [
            "yaml '''\nkind: Pod\n'''",
            "yaml: \"\"\"\nkind: Pod\n\"\"\"",
            "yaml('''\nkind: Pod\n''')",
            "yaml = '''\nkind: Pod\n'''",
            "yaml '\\nkind: Pod\\n'",
        ] {
            let blocks = read(text).blocks;
            assert_eq!(blocks.len(), 1, "{text}");
            assert_eq!(blocks[0].text, "\nkind: Pod\n", "{text}");
            assert_eq!(blocks[0].line, 1);
        }
    }

    #[test]
    fn what_is_commented_out_does_not_count() {
        let text = "// hostPathVolume(hostPath: '/a', mountPath: '/b')\n/* yaml '''x''' */\n";
        assert_eq!(read(text), Pipeline::default());
    }

    #[test]
    fn a_quote_in_a_pattern_does_not_swallow_the_file() {
        let text = "if (x =~ /it's/) {}\npodTemplate(volumes: [hostPathVolume(hostPath: '/a', mountPath: '/b')]) {}";
        assert_eq!(read(text).templates.len(), 1);
    }

    #[test]
    fn variables_and_constructors_are_followed() {
        let text = "def s = '/run/docker.sock'\nx([new HostPathVolume(s, '/var/run/docker.sock', false)])\n\
             podTemplate(volumes: [hostPathVolume(hostPath: \"${s}\", mountPath: target)]) {}";
        let pipeline = read(text);
        let volumes: Vec<_> = pipeline
            .templates
            .iter()
            .flat_map(|template| &template.volumes)
            .map(|volume| {
                (
                    volume.host_path.as_str(),
                    volume.mount_path.as_str(),
                    volume.line,
                )
            })
            .collect();
        assert_eq!(
            volumes,
            [
                ("/run/docker.sock", "/var/run/docker.sock", 2),
                ("/run/docker.sock", "${target}", 3)
            ]
        );
    }

    #[test]
    fn sums_and_maps_are_followed_and_the_rest_is_a_placeholder() {
        let text = "def dir = '/var/run/'\ndef paths = [host: '/run/docker.sock', other: 'x']\n\
             a(hostPathVolume(hostPath: dir + 'docker.sock', mountPath: paths.host))\n\
             b([$class: 'HostPathVolume', hostPath: paths.host, mountPath: dir])\n\
             c(hostPathVolume(hostPath: cfg.socket ?: '/a', mountPath: find('b')))\n";
        let template = &read(text).templates[0];
        let paths: Vec<_> = template
            .volumes
            .iter()
            .map(|volume| (volume.host_path.as_str(), volume.mount_path.as_str()))
            .collect();
        assert_eq!(
            paths,
            [
                ("/var/run/docker.sock", "/run/docker.sock"),
                ("/run/docker.sock", "/var/run/"),
                ("${expression}", "${expression}")
            ]
        );
    }

    #[test]
    fn a_pod_in_a_file_of_its_own_is_named() {
        let text = "agent { kubernetes { yamlFile 'ci/agent.yaml' } }\n\
             podTemplate(yaml: libraryResource('pods/b.yaml')) {}\n\
             podTemplate(yaml: readTrusted('c.yaml')) {}";
        let files = read(text).files;
        let expected = [("ci/agent.yaml", 1), ("pods/b.yaml", 2), ("c.yaml", 3)];
        assert_eq!(files, expected.map(|(file, line)| (file.to_owned(), line)));
    }

    #[test]
    fn volumes_belong_to_their_template() {
        let text = "podTemplate(label: 'one', containers: [containerTemplate(name: 'c', image: 'docker')],\n\
             volumes: [\n hostPathVolume(mountPath: '/b', hostPath: '/a')]) {}\n\
             podTemplate(name: \"two\") {}";
        let pipeline = read(text);
        assert_eq!(pipeline.templates.len(), 1);
        let template = &pipeline.templates[0];
        assert_eq!(template.name.as_deref(), Some("one"));
        let volume = NodeVolume {
            host_path: "/a".to_owned(),
            mount_path: "/b".to_owned(),
            line: 3,
            lines: 3..4,
        };
        assert_eq!(template.volumes, [volume]);
        assert_eq!(template.containers[0][1], "docker");
    }
}
