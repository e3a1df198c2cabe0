//! The `docker` commands in what a container runs: shell scripts, argument lists, pipelines.
//!
//! No shell is run or fully parsed: words are cut at blanks and separators, quotes are
//! taken off. What is found this way only feeds hints for people, never a decision.

/// The most commands of one text, and words of one command. A text of a megabyte can hold thirty thousand commands in one
/// line, each with all that follow as its words.
const MOST_COMMANDS: usize = 1000;
const MOST_WORDS: usize = 300;

/// One `docker` command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerCommand {
    /// What it does, in one spelling: `run`, `compose up`, `system prune`.
    pub verb: String,
    /// The words after the verb.
    pub words: Vec<String>,
}

/// Commands that stand for another one's sub-command.
const ALIASES: [(&str, &str); 21] = [
    ("image build", "build"),
    ("buildx build", "build"),
    ("buildx bake", "build"),
    ("builder build", "build"),
    ("image load", "load"),
    ("image import", "import"),
    ("image push", "push"),
    ("image pull", "pull"),
    ("image rm", "rmi"),
    ("container run", "run"),
    ("container create", "create"),
    ("container commit", "commit"),
    ("container ls", "ps"),
    ("container ps", "ps"),
    ("container logs", "logs"),
    ("container exec", "exec"),
    ("container inspect", "inspect"),
    ("container stop", "stop"),
    ("container kill", "kill"),
    ("container restart", "restart"),
    ("container stats", "stats"),
];

/// Commands with sub-commands.
const GROUPS: [&str; 16] = [
    "builder",
    "buildx",
    "compose",
    "config",
    "container",
    "context",
    "image",
    "manifest",
    "network",
    "node",
    "secret",
    "service",
    "stack",
    "swarm",
    "system",
    "volume",
];

/// Commands without.
const VERBS: [&str; 35] = [
    "attach", "build", "commit", "cp", "create", "diff", "events", "exec", "export", "history",
    "images", "import", "info", "inspect", "kill", "load", "login", "logs", "pause", "port", "ps",
    "pull", "push", "rename", "restart", "rm", "rmi", "run", "save", "search", "start", "stats",
    "stop", "tag", "top",
];

/// `docker`'s own options that take a word, before the verb.
const OPTIONS: [&str; 8] = [
    "-H",
    "--host",
    "-c",
    "--context",
    "-l",
    "--log-level",
    "--config",
    "--tlscacert",
];

/// `docker compose`'s own options that take a word.
const COMPOSE_OPTIONS: [&str; 8] = [
    "-f",
    "--file",
    "-p",
    "--project-name",
    "--profile",
    "--env-file",
    "--project-directory",
    "--parallel",
];

/// What ends a command.
const ENDS: [char; 5] = ['\n', ';', '|', '&', '`'];

/// Every command of `text` on one line, also those whose output others take.
fn on_lines(text: &str) -> String {
    let text = text.replace("\\\r\n", " ").replace("\\\n", " ");
    text.replace("$(", "\n")
}

/// What of `text` may be a `docker` command, one a line, for what looks for these many times: within a bound.
pub fn docker_lines(text: &str) -> String {
    const LONGEST: usize = 64 << 10;
    const MOST: usize = 4096;
    let text = on_lines(text);
    let mut found = String::new();
    for simple in text.split(ENDS).filter(|simple| simple.contains("docker")) {
        for word in simple.split_whitespace().take(MOST) {
            found.push_str(word);
            found.push(' ');
        }
        found.push('\n');
        if found.len() > LONGEST {
            break;
        }
    }
    found
}

/// Every `docker` command in `text`, in its order.
pub fn docker_commands(text: &str) -> Vec<DockerCommand> {
    let text = on_lines(text);
    let mut found = Vec::new();
    for simple in text.split(ENDS) {
        let words: Vec<&str> = simple.split_whitespace().map(bare).collect();
        let mut rest = words.as_slice();
        while let Some(at) = rest.iter().position(is_docker) {
            let compose = program(rest[at]) == "docker-compose";
            rest = &rest[at + 1..];
            if found.len() == MOST_COMMANDS {
                return found;
            }
            if let Some(command) = command(rest, compose) {
                found.push(command);
            }
        }
    }
    found
}

/// A word without what a shell or Groovy puts around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c| matches!(c, '\'' | '"' | '(' | ')' | '[' | ']' | ',' | '{' | '}'))
}

fn program(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn is_docker(word: &&str) -> bool {
    matches!(program(word), "docker" | "docker-compose")
}

fn command(words: &[&str], compose: bool) -> Option<DockerCommand> {
    if compose {
        return compose_command(words);
    }
    let (verb, rest) = after_options(words, &OPTIONS)?;
    if verb == "compose" {
        return compose_command(rest);
    }
    if GROUPS.contains(&verb) {
        let (sub, rest) = rest.split_first()?;
        let long = format!("{verb} {sub}");
        let short = ALIASES.iter().find(|(alias, _)| *alias == long);
        return Some(DockerCommand {
            verb: short.map_or(long, |(_, verb)| (*verb).to_owned()),
            words: owned(rest),
        });
    }
    VERBS.contains(&verb).then(|| DockerCommand {
        verb: verb.to_owned(),
        words: owned(rest),
    })
}

fn compose_command(words: &[&str]) -> Option<DockerCommand> {
    let (verb, rest) = after_options(words, &COMPOSE_OPTIONS)?;
    Some(DockerCommand {
        verb: format!("compose {verb}"),
        words: owned(rest),
    })
}

/// The first word that is no option, and what follows it.
fn after_options<'w>(words: &'w [&'w str], take_one: &[&str]) -> Option<(&'w str, &'w [&'w str])> {
    let mut rest = words;
    loop {
        let (first, tail) = rest.split_first()?;
        if !first.starts_with('-') {
            return Some((first, tail));
        }
        let skip = usize::from(take_one.contains(first));
        rest = tail.get(skip..)?;
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    let words = words.iter().take(MOST_WORDS);
    words.map(|word| (*word).to_owned()).collect()
}

impl DockerCommand {
    /// Whether one of `flags` is given: `--flag`, `--flag=value`, or as one of `-it`'s letters.
    pub fn has(&self, flags: &[&str]) -> bool {
        self.words.iter().any(|word| {
            flags.iter().any(|flag| {
                let rest = word.strip_prefix(flag);
                let long = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
                let letter = flag.strip_prefix('-').filter(|name| name.len() == 1);
                let bundle = word
                    .strip_prefix('-')
                    .filter(|w| w.len() <= 4 && w.chars().all(|c| c.is_ascii_alphabetic()));
                long || letter.zip(bundle).is_some_and(|(l, b)| b.contains(l))
            })
        })
    }

    /// The values of `flags`: `--flag value`, `--flag=value`, and `-fvalue` for a single letter.
    pub fn values<'c>(&'c self, flags: &'c [&'c str]) -> impl Iterator<Item = &'c str> {
        self.words.iter().enumerate().filter_map(move |(at, word)| {
            flags.iter().find_map(|flag| {
                let rest = word.strip_prefix(flag)?;
                if rest.is_empty() {
                    self.words.get(at + 1).map(String::as_str)
                } else if let Some(value) = rest.strip_prefix('=') {
                    Some(value)
                } else {
                    (flag.len() == 2).then_some(rest)
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verbs(text: &str) -> Vec<String> {
        docker_commands(text).into_iter().map(|c| c.verb).collect()
    }

    #[test]
    fn finds_commands_in_scripts_and_argument_lists() {
        assert_eq!(
            verbs("docker build -t x . && docker push x"),
            ["build", "push"]
        );
        assert_eq!(verbs("sh -c docker run --rm x"), ["run"]);
        assert_eq!(verbs("sh 'docker image build .'"), ["build"]);
        assert_eq!(
            verbs("id=$(docker run -d x); docker logs $id"),
            ["run", "logs"]
        );
        assert_eq!(verbs("/usr/bin/docker -H unix:///x.sock ps"), ["ps"]);
        assert_eq!(verbs("docker-compose -f a.yml up -d"), ["compose up"]);
        assert_eq!(verbs("docker compose -p x up"), ["compose up"]);
        assert_eq!(verbs("docker \\\n  run x"), ["run"]);
        assert_eq!(verbs("docker system prune -af"), ["system prune"]);
    }

    #[test]
    fn many_commands_in_one_line_cost_no_more_than_a_few() {
        let commands = docker_commands(&"docker run -v /a:/b ".repeat(30_000));
        assert_eq!(commands.len(), MOST_COMMANDS);
        assert!(
            commands
                .iter()
                .all(|command| command.words.len() <= MOST_WORDS)
        );
    }

    #[test]
    fn the_lines_of_commands_have_the_same_commands_within_a_bound() {
        let text = "echo a; docker \\\n  run -v /a:/b x\nid=$(docker ps -q) && x\n";
        let lines = docker_lines(text);
        assert_eq!(docker_commands(&lines), docker_commands(text));
        assert!(!lines.contains("echo"));
        let long = "docker run x ".repeat(30_000);
        assert!(docker_lines(&long).len() < long.len() / 2);
    }

    #[test]
    fn the_word_alone_is_no_command() {
        for text in [
            "image: docker",
            "apt-get install docker git",
            "cat docker",
            "docker",
        ] {
            assert_eq!(verbs(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn flags_are_known_in_each_spelling() {
        let text = "docker run -itd -p8080:80 --publish=1:2 -v /a:/b --name x img";
        let commands = docker_commands(text);
        let run = &commands[0];
        assert!(run.has(&["-d", "--detach"]));
        assert!(run.has(&["--publish"]));
        assert!(!run.has(&["--network"]));
        let ports: Vec<_> = run.values(&["-p", "--publish"]).collect();
        assert_eq!(ports, ["8080:80", "1:2"]);
        assert_eq!(run.values(&["-v"]).collect::<Vec<_>>(), ["/a:/b"]);
    }
}
