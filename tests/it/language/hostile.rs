//! Whatever a text holds, reading and checking it ends soon, with words, and within bounded memory, none of which is kept.
//!
//! `STANCH_FUZZ=N` tries so many inputs of each kind instead of a few.

use super::{folder, runbooks, stanch};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stanch::actions::catalogue;
use stanch::plan::{Catalogue, lint};
use stanch::runbook::expression::Expression;
use stanch::runbook::{NoLibrary, RunbookSource, Span};
use std::cell::RefCell;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// More work than any text that is within the limits needs, unoptimised; how long that takes is the machine's affair.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than that on any machine: what is not over by then never ends.
pub(crate) const FOREVER: Duration = Duration::from_secs(150);

/// How long this thread has been at work.
pub(crate) fn worked() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(at.tv_sec.try_into().unwrap(), at.tv_nsec.try_into().unwrap())
}

fn check(catalogue: &Catalogue, text: &str) -> usize {
    let begun = worked();
    let linted = lint(&RunbookSource { name: "hostile", text, library: &NoLibrary }, catalogue);
    let shown = linted.diagnostics.render();
    assert!(shown.len() < 300_000, "{} bytes are shown", shown.len());
    for problem in &linted.diagnostics.found {
        let position = linted.diagnostics.position(problem);
        assert!(position.line >= 1 && position.column >= 1 && position.end_column >= position.column);
        assert!(!problem.message.is_empty());
    }
    let work = worked() - begun;
    assert!(work < PATIENCE, "{work:?} for {} bytes", text.len());
    linted.diagnostics.found.len()
}

#[test]
fn bombs_are_refused_soon() {
    let catalogue = catalogue();
    let many = |piece: &str, count: usize| piece.repeat(count);
    let head = "schema: stanch/v1\nname: bomb\n";
    let anchors: String =
        (0..40).map(|level| format!("a{level}: &a{level} [*a{0},*a{0},*a{0}]\n", level.max(1) - 1)).collect();
    let bombs = [
        many("[", 100_000),
        many("{a: ", 100_000),
        many("- ", 100_000),
        many("? ", 50_000),
        format!("{head}x: &x [1]\n{anchors}"),
        format!("{head}x: &x {{ <<: *x }}\n"),
        format!("{head}steps:\n{}", many("  - { id: a, uses: wait }\n", 19_000 / 5)),
        format!("{head}steps:\n{}", many("  - {}\n", 10_000)),
        format!("{head}steps:\n  - id: a\n    uses: wait\n    needs: [{}]\n", many("b, ", 15_000)),
        format!("{head}{}", (0..9_000).map(|key| format!("key{key}: 1\n")).collect::<String>()),
        format!("{head}{}", many("same: 1\n", 9_000)),
        format!(
            "{head}summary: \"${{{{ {} }}}}\"\nsteps: [{{ id: a, uses: wait, if: \"${{{{ {} }}}}\" }}]\n",
            many("(", 4000),
            many("!", 4000)
        ),
        format!("{head}steps: [{{ id: a, uses: wait, if: \"${{{{ {}true }}}}\" }}]\n", many("true ? true : ", 280)),
        format!("{head}steps: [{{ id: a, uses: wait, if: \"${{{{ {}.a }}}}\" }}]\n", many("a.b", 1000)),
        format!("{head}steps: [{{ id: a, uses: wait, if: \"${{{{ {} }}}}\" }}]\n", many("[1].map(x, ", 200)),
        format!(
            "{head}steps: [{{ id: a, uses: wait, if: \"${{{{ {}1{} }}}}\" }}]\n",
            many("[1,2,3,4,5,6,7,8,9].all(x, ", 25),
            many(")", 25)
        ),
        format!(
            "{head}steps: [{{ id: a, uses: wait, if: \"${{{{ [1]{} }}}}\" }}]\n",
            many(".map(x, {'a': x, 'b': x})", 28)
        ),
        format!(
            "{head}steps: [{{ id: a, uses: wait, if: \"${{{{ [1]{} }}}}\" }}]\n",
            many(".map(x, true ? [x, x] : [x])", 28)
        ),
        format!("{head}inputs: {{ a: {{ type: string, pattern: \"{}\" }} }}\n", many("(a{1000}){1000}", 3)),
        format!(
            "{head}steps: [{{ id: a, uses: notify/slack, with: {{ title: \"{}\" }} }}]\n",
            many("${{ 1 + }}", 5000)
        ),
        format!("{head}# {}\n", many("eyJ", 100_000)),
        format!("{head}# {}\n", many("://a:", 100_000)),
    ];
    for (number, bomb) in bombs.iter().enumerate() {
        assert!(check(&catalogue, bomb) > 0, "bomb {number} has no problem");
    }
}

#[test]
fn a_line_that_nobody_reads_is_not_shown() {
    let text = format!("schema: stanch/v1\nname: long\nsumary: {}\nsteps: []\n", "x".repeat(100_000));
    let shown =
        lint(&RunbookSource { name: "long.yaml", text: &text, library: &NoLibrary }, &catalogue()).diagnostics.render();
    assert!(shown.contains("error: unknown key `sumary`") && shown.contains("[long.yaml:3:1]"), "{:.2000}", shown);
    assert!(shown.contains("did you mean `summary`?") && shown.len() < 1_000, "{} bytes", shown.len());
}

#[test]
fn a_chain_of_five_hundred_steps_is_checked_soon() {
    let steps: String =
        (0..500).map(|step| format!("  - {{ id: s{step}, uses: wait, with: {{ for: 1s }} }}\n")).collect();
    let text = format!("schema: stanch/v1\nname: long\nsteps:\n{steps}");
    assert_eq!(check(&catalogue(), &text), 0);
    let more = format!("{text}  - {{ id: one_more, uses: wait, with: {{ for: 1s }} }}\n");
    assert_eq!(check(&catalogue(), &more), 1);
}

#[test]
fn huge_files_are_refused_without_being_read_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.yaml");
    std::fs::write(&path, "# much ado\n".repeat(1_000_000)).unwrap();
    let begun = Instant::now();
    let said = stanch(folder.path(), &["lint", "huge.yaml"]).exit(2);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(said.stdout.contains("larger than 1024 KiB"), "{}", said.stdout.get(..500).unwrap_or(&said.stdout));
    assert!(said.stdout.len() < 500, "{}", said.stdout.len());
    let said = stanch(folder.path(), &["lint", "/dev/zero"]).exit(2);
    assert!(said.stdout.contains("larger than 1024 KiB"), "{}", said.stdout);
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    let said = stanch(folder.path(), &["lint", "huge.yaml"]).exit(2);
    assert!(said.stderr.contains("cannot be read") && said.stderr.contains("UTF-8"), "{}", said.stderr);
}

/// How many inputs are tried, given how many a quick look tries.
fn runner(few: u32) -> TestRunner {
    let cases = std::env::var("STANCH_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(few);
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn lines() -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for folder in [folder("tests/cases/lint"), folder("runbooks")] {
        for (_, text) in runbooks(&folder) {
            lines.extend(text.lines().filter(|line| line.len() < 200).map(str::to_owned));
        }
    }
    lines
}

/// Lines of real runbooks, put together at random and damaged here and there.
fn damaged() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => proptest::sample::select(lines()),
        1 => "[ -~]{0,12}",
        1 => proptest::sample::select(vec!["- ", "  ", ": ", "&a ", "*a", "<<: *a", "|\n", ">-\n", "\"", "'", "${{", "}}", "\t", "\u{feff}", "é", "---", "!!str "]).prop_map(str::to_owned),
    ];
    let indents = proptest::sample::select(vec!["", "", "", "  ", "    ", "  - "]);
    proptest::collection::vec((indents, piece), 0..12).prop_map(|lines| {
        let body: String = lines.into_iter().map(|(indent, line)| format!("{indent}{line}\n")).collect();
        format!("schema: stanch/v1\nname: fuzz\n{body}")
    })
}

/// Tokens of expressions, put together at random.
fn expressions() -> impl Strategy<Value = String> {
    let tokens = vec![
        "inputs",
        "steps",
        "run",
        "item",
        "policy",
        ".",
        "a",
        "rotate",
        "outputs",
        "version",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "?",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        ">=",
        "in",
        "1",
        "2.5",
        "0u",
        "\"x\"",
        "'y'",
        "r'\\'",
        "b\"z\"",
        "true",
        "null",
        "size",
        "map",
        "filter",
        "exists",
        "all",
        "exists_one",
        "has",
        "string",
        "timestamp",
        "duration",
        "after",
        "before",
        "count",
        "join",
        "vault",
        " ",
        "\n",
        "é",
        "'''",
        "@in",
    ];
    proptest::collection::vec(proptest::sample::select(tokens), 0..24).prop_map(|tokens| tokens.concat())
}

/// Ends the whole process, and shows the input, where one is not done with in time: nothing ends a thread that hangs.
struct Watch(Arc<Mutex<Option<(Instant, String)>>>);

impl Watch {
    fn begin() -> Self {
        let watched: Arc<Mutex<Option<(Instant, String)>>> = Arc::default();
        let seen = Arc::downgrade(&watched);
        std::thread::spawn(move || {
            while let Some(seen) = seen.upgrade() {
                if let Some((_, input)) = seen.lock().unwrap().as_ref().filter(|(begun, _)| begun.elapsed() > FOREVER) {
                    println!("after {FOREVER:?} this is not done with:\n{input}");
                    std::process::abort();
                }
                drop(seen);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self(watched)
    }

    fn over<T>(&self, input: &str, work: impl FnOnce() -> T) -> T {
        *self.0.lock().unwrap() = Some((Instant::now(), input.to_owned()));
        let done = work();
        *self.0.lock().unwrap() = None;
        done
    }
}

/// Feeds so many inputs of one kind, or a few; `each` is told after every one.
fn feed(inputs: &impl Strategy<Value = String>, few: u32, eat: impl Fn(&Catalogue, &str), each: impl Fn()) {
    let (catalogue, watch) = (catalogue(), Watch::begin());
    let fed = runner(few).run(inputs, |input| {
        watch.over(&input, || eat(&catalogue, &input));
        each();
        Ok(())
    });
    fed.unwrap();
}

fn eat_text(catalogue: &Catalogue, text: &str) {
    check(catalogue, text);
}

fn eat_expression(catalogue: &Catalogue, source: &str) {
    let text = serde_json::json!({
        "schema": "stanch/v1", "name": "fuzz", "inputs": { "a": { "type": "string", "default": "x" } },
        "steps": [{ "id": "rotate", "uses": "wait", "if": format!("${{{{ {source} }}}}"), "with": { "for": "1s" } }],
    });
    check(catalogue, &text.to_string());
    if let Ok(expression) = Expression::compile(source.trim(), Span::default(), None) {
        let scope = serde_json::json!({ "inputs": { "a": "x" }, "steps": {}, "run": {}, "policy": {}, "item": [1] });
        drop(expression.evaluate(scope.as_object().unwrap()));
    }
}

#[test]
fn no_text_breaks_the_parser_or_the_checker() {
    feed(&damaged(), 300, eat_text, || {});
}

#[test]
fn no_bytes_break_the_parser() {
    feed(&"\\PC{0,200}", 300, eat_text, || {});
}

#[test]
fn no_expression_breaks_the_typing_or_the_evaluation() {
    feed(&expressions(), 600, eat_expression, || {});
}

/// What a process that eats for the test below is told by.
const ALONE: &str = "STANCH_FUZZ_ALONE";
/// More than the allocator's own coming and going.
const LEEWAY_BYTES: usize = 8 << 20;

/// In a process of its own, so that no other test's memory is taken for this one's.
#[test]
fn no_memory_is_kept_of_what_was_checked() {
    if std::env::var_os(ALONE).is_some() {
        return assert_no_growth();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "language::hostile::no_memory_is_kept_of_what_was_checked", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    let seen = said.lines().find(|line| line.contains("resident")).unwrap();
    println!("{}", seen.rsplit("... ").next().unwrap());
}

/// Samples the resident memory after each input: at its least late on, it is no larger than at its most early on.
fn assert_no_growth() {
    let samples = RefCell::new(Vec::new());
    let sample = || samples.borrow_mut().push(resident_bytes());
    let eat = |catalogue: &Catalogue, text: &str| {
        eat_text(catalogue, text);
        eat_expression(catalogue, text);
    };
    feed(&prop_oneof![damaged(), "\\PC{0,200}", expressions()], 2_000, eat, sample);
    let samples = samples.into_inner();
    let part = |from: usize, to: usize| samples[samples.len() * from / 10..samples.len() * to / 10].iter();
    let (early, late) = (*part(2, 4).max().unwrap(), *part(9, 10).min().unwrap());
    println!(
        "{} inputs: {} KiB resident at most early on, {} KiB at least late on",
        samples.len(),
        early >> 10,
        late >> 10
    );
    assert!(late < early + LEEWAY_BYTES, "it grew from {early} to {late} bytes");
}

pub(crate) fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}
