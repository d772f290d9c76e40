//! The reference page of the language, made from the same tables and types as the program.

use super::spec::{Catalogue, Spec};
use super::types::{Type, form, resolved};
use crate::runbook::functions::FUNCTIONS;
use crate::runbook::language::{self, Key, KeyShape, TYPES};
use serde_json::Value;

/// One parameter or output of an action, as it is shown.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    /// Its type, in words.
    pub kind: String,
    pub required: bool,
    /// The default as JSON, where there is one.
    pub default: Option<Value>,
    pub about: String,
}

/// The fields of a parameter or output schema.
pub fn fields(schema: &Value) -> Vec<Field> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_object);
    let field = |(name, field): (&String, &Value)| {
        let about = field.get("description").or_else(|| resolved(field, schema).get("description"));
        Field {
            name: name.clone(),
            kind: kind(field, schema),
            required: required.contains(&name.as_str()),
            default: field.get("default").filter(|default| !default.is_null()).cloned(),
            about: about.and_then(Value::as_str).unwrap_or_default().replace('\n', " "),
        }
    };
    properties.into_iter().flatten().map(field).collect()
}

fn kind(field: &Value, root: &Value) -> String {
    let schema = resolved(field, root);
    let is_reference = |schema: &Value| schema.get("x-secret-reference") == Some(&Value::Bool(true));
    if is_reference(field) || is_reference(schema) {
        return "a reference to a secret".to_owned();
    }
    match (form(schema), Type::of_schema(field, root)) {
        (Some(form), _) => Type::Text(form).describe(),
        (None, Type::List(item)) => match item.as_ref() {
            Type::Any => "a list".to_owned(),
            item => format!("a list, each {}", item.describe()),
        },
        (None, of) => of.describe(),
    }
}

/// The whole page, as Markdown.
pub fn page(catalogue: &Catalogue) -> String {
    let mut page = String::from(INTRODUCTION);
    section(&mut page, "A runbook", language::RUNBOOK);
    section(&mut page, "An input", language::INPUT);
    page.push_str("\n| type | is |\n| --- | --- |\n");
    for (name, about) in TYPES {
        row(&mut page, &[&format!("`{name}`"), about]);
    }
    section(&mut page, "`policy`", language::POLICY);
    section(&mut page, "`policy.gates`", language::GATES);
    section(&mut page, "A step", language::STEP);
    section(&mut page, "`retry`", language::RETRY);
    section(&mut page, "Including a fragment", language::INCLUDE);
    page.push_str(INCLUDING);
    page.push_str(EXPRESSIONS);
    page.push_str("\n| function | gives | for example |\n| --- | --- | --- |\n");
    for function in FUNCTIONS {
        let takes: Vec<&str> = function.takes.iter().map(|kind| kind.name()).collect();
        let signature = format!("`{}({})` → {}", function.name, takes.join(", "), function.gives.name());
        let example = format!("`{}` is `{}`", function.example, function.result);
        row(&mut page, &[&signature, function.about, &example]);
    }
    page.push_str("\n## Actions\n");
    page.push_str("\n| action | class | does |\n| --- | --- | --- |\n");
    for spec in catalogue.values() {
        let anchor = spec.name.replace(['/', '_'], "");
        let anchor = if spec.name.contains('_') { spec.name.replace('/', "") } else { anchor };
        row(&mut page, &[&format!("[`{}`](#{anchor})", spec.name), spec.class.name(), spec.summary]);
    }
    for spec in catalogue.values() {
        action(&mut page, spec);
    }
    page
}

fn section(page: &mut String, title: &str, keys: &[Key]) {
    page.push_str(&format!("\n## {title}\n\n| key | holds | |\n| --- | --- | --- |\n"));
    for key in keys {
        let name = format!("`{}`{}", key.name, if key.required { ", required" } else { "" });
        row(page, &[&name, &holds(key.shape), key.about]);
    }
}

fn row(page: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    page.push_str(&format!("| {} |\n", cells.join(" | ")));
}

fn holds(shape: KeyShape) -> String {
    match shape {
        KeyShape::Constant(text) => format!("`{text}`"),
        KeyShape::Text => "text".to_owned(),
        KeyShape::Template => "text or an expression".to_owned(),
        KeyShape::Identifier => "a lower-case letter, then letters, digits and `_`".to_owned(),
        KeyShape::Flag => "`true` or `false`".to_owned(),
        KeyShape::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        KeyShape::Words => "a list of words".to_owned(),
        KeyShape::Whole(least, most) => format!("{least} to {most}"),
        KeyShape::Duration => "a duration".to_owned(),
        KeyShape::Backoff => "one or two durations".to_owned(),
        KeyShape::Pattern => "a regular expression".to_owned(),
        KeyShape::Condition => "an expression that is true or false".to_owned(),
        KeyShape::Loop => "a list, or an expression that gives one".to_owned(),
        KeyShape::Action => "the name of an action".to_owned(),
        KeyShape::Parameters => "parameters by name".to_owned(),
        KeyShape::Gate => "as `human/approve` has it".to_owned(),
        KeyShape::Value => "a value of the type".to_owned(),
        KeyShape::Bound => "a number, a time or a duration".to_owned(),
        KeyShape::Inputs => "inputs by name".to_owned(),
        KeyShape::Items => "`type`, `values`, `pattern`, `min`, `max`".to_owned(),
        KeyShape::Mapping(keys) => {
            language::names(keys).iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        }
        KeyShape::Steps => "a list of steps".to_owned(),
    }
}

fn action(page: &mut String, spec: &Spec) {
    page.push_str(&format!("\n### `{}`\n\n{}: {}.\n", spec.name, spec.class.name(), spec.summary));
    page.push_str(&format!(
        "\n- If an answer is lost: {}.\n- When it runs again: {}.\n",
        spec.if_lost, spec.idempotency
    ));
    let parameters = fields(&spec.parameters);
    if !parameters.is_empty() {
        page.push_str("\n| parameter | is | default | |\n| --- | --- | --- | --- |\n");
        for field in &parameters {
            let default = match (&field.default, field.required) {
                (Some(default), _) => format!("`{default}`"),
                (None, true) => "required".to_owned(),
                (None, false) => String::new(),
            };
            row(page, &[&format!("`{}`", field.name), &field.kind, &default, &field.about]);
        }
    }
    page.push_str("\n| output | is | |\n| --- | --- | --- |\n");
    for field in fields(&spec.outputs) {
        row(page, &[&format!("`{}`", field.name), &field.kind, &field.about]);
    }
    page.push_str(&format!("\n```yaml\n{}```\n", spec.example));
}

const INTRODUCTION: &str = "# The runbook language

<!-- Made by `stanch actions --markdown`; a test keeps it true. -->

A runbook is a YAML 1.2 file in UTF-8: `true` and `false` are the only words of their kind, and `no`, `on`, `yes` and
`0123` are texts. A number that would not be shown as it is written, such as `1.10` or `1e3`, is refused where a text may
be meant. Unknown keys, keys that stand twice and unknown names are errors, each with its place.

- `stanch lint FILE` finds everything that is wrong, before anything happens.
- `stanch schema` prints the JSON Schema of the language; `schema.json` in this folder is the same. With the line
  `# yaml-language-server: $schema=schema.json` at the top of a runbook, editors complete and check while you write.
- `stanch actions NAME` shows what stands here about an action.

Durations are written `500ms`, `90s`, `15m`, `24h`, `30d`; times as RFC 3339 has them, with their zone. A runbook points
to secrets and never holds one: what looks like a credential is refused, wherever it stands.
";

const INCLUDING: &str = "
An entry of `steps` or `finally` can stand for the steps of another file, which begins with `schema: stanch-fragment/v1`
and holds `steps` only. Its steps see the inputs and steps of the runbook that includes it. A run pins every fragment
with the runbook, byte for byte, and goes on with these bytes only.

```yaml
steps:
  - include: shared/contain.yaml
  - id: tell
    uses: notify/slack
    with: { title: Contained }
```
";

const EXPRESSIONS: &str = "
## Expressions

`${{ … }}` holds an expression of the [Common Expression Language](https://cel.dev). A value that is one expression keeps
its type; among other text it becomes text.

| name | is |
| --- | --- |
| `inputs.NAME` | an input; null where it was not given and has no default |
| `steps.ID.outputs.NAME` | what a step left behind; the step must be sure to be over |
| `steps.ID.status` | `pending`, `running`, `done`, `failed`, `skipped`, `waiting` or `unknown` |
| `steps.ID.outputs.items` | of a step with `for_each`: a list of `{item, status, outputs}` |
| `item` | what a step with `for_each` works on |
| `run.id`, `run.runbook`, `run.mode`, `run.operator`, `run.started_at` | the run itself |
| `policy.lock`, `policy.overlap` | the runbook's policy |

CEL brings operators, `size`, `string`, `int`, `double`, `bool`, `timestamp`, `duration`, `has`, `all`, `exists`,
`exists_one`, `map`, `filter`, and on texts `contains`, `startsWith`, `endsWith` and `matches`. stanch adds functions for
the texts that runbooks are full of. Times and durations stand in runbooks as texts, so compare `timestamp(…)` of times
and `seconds(…)` of durations.
";
