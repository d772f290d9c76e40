//! Whether a parameter fits the JSON Schema of its action: what is written is held against the schema itself, what an
//! expression will give is held against it by its type.

use super::types::{Form, Type, form, resolved, type_names, words};
use crate::runbook::Diagnostic;
use crate::runbook::diagnostic::nearest;
use crate::runbook::expression::{Part, Template};
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Why something does not fit, beginning with a verb: `must be text, not a list`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Misfit {
    /// The way from the parameter to what does not fit: `.answers.ticket`.
    pub(super) path: String,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

type Fit = Result<(), Misfit>;

fn misfit(message: impl Into<String>) -> Fit {
    Err(Misfit { path: String::new(), message: message.into(), help: None })
}

fn helped(message: String, help: Option<String>) -> Fit {
    Err(Misfit { path: String::new(), message, help })
}

fn at(step: &str, fit: Fit) -> Fit {
    fit.map_err(|misfit| Misfit { path: format!("{step}{}", misfit.path), ..misfit })
}

/// A JSON Schema with the definitions that it points into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema<'a> {
    pub(super) schema: &'a Value,
    pub(super) root: &'a Value,
}

impl<'a> Schema<'a> {
    fn to(self, schema: &'a Value) -> Self {
        Self { schema, ..self }
    }

    fn get(self, key: &str) -> Option<&'a Value> {
        resolved(self.schema, self.root).get(key)
    }

    fn number(self, key: &str) -> Option<f64> {
        self.get(key).and_then(Value::as_f64)
    }

    fn alternatives(self) -> Option<Vec<Self>> {
        let list = self.get("anyOf").or(self.get("oneOf"))?.as_array()?;
        Some(list.iter().map(|one| self.to(one)).collect())
    }

    /// What it asks for, in words.
    fn expected(self) -> String {
        let schema = resolved(self.schema, self.root);
        if let Some(form) = form(schema) {
            return Type::Text(form).describe();
        }
        if let Some(words) = words(schema) {
            return format!("one of {}", words.join(", "));
        }
        if let Some(alternatives) = self.alternatives() {
            let mut names: Vec<String> = alternatives.into_iter().map(Self::expected).collect();
            names.retain(|name| name != "nothing");
            names.dedup();
            return names.join(" or ");
        }
        let names: Vec<&str> = type_names(schema)
            .into_iter()
            .filter(|name| *name != "null")
            .map(|name| match name {
                "string" => "text",
                "integer" => "a whole number",
                "number" => "a number",
                "boolean" => "true or false",
                "array" => "a list",
                "object" => "a mapping",
                other => other,
            })
            .collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(" or ") }
    }

    /// Whether a value that stands in the runbook fits.
    pub(super) fn takes(self, value: &Value) -> Fit {
        if let Some(alternatives) = self.alternatives()
            && words(resolved(self.schema, self.root)).is_none()
        {
            return self.one_of(alternatives, |one| one.takes(value));
        }
        let schema = resolved(self.schema, self.root);
        let names = type_names(schema);
        let given = given(value);
        let is_type = |name: &&str| match *name {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => false,
        };
        if !names.is_empty() && !names.iter().any(is_type) {
            return misfit(format!("must be {}, not {given}", self.expected()));
        }
        if let Some(words) = words(schema) {
            let nullable = value.is_null() && names.contains(&"null");
            match value.as_str() {
                Some(text) if words.iter().any(|word| word == text) => {}
                Some(text) => {
                    let near = nearest(text, words.iter().map(String::as_str));
                    let help = near.map(|near| format!("did you mean `{near}`?"));
                    return helped(format!("must be one of {}, not `{text}`", words.join(", ")), help);
                }
                None if nullable => {}
                None => return misfit(format!("must be one of {}, not {given}", words.join(", "))),
            }
        }
        match value {
            Value::Number(number) => self.number_fits(number.as_f64().unwrap_or(f64::MAX), value),
            Value::String(text) => self.text_fits(text),
            Value::Array(items) => {
                self.length_fits(items.len())?;
                let Some(schema) = self.get("items") else { return Ok(()) };
                let mut each = items.iter().enumerate();
                each.try_for_each(|(index, item)| at(&format!("[{index}]"), self.to(schema).takes(item)))
            }
            Value::Object(fields) => self.fields_fit(fields),
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    /// What is left of a problem with one of several alternatives: that of the only one that is no null, else all.
    fn one_of(self, alternatives: Vec<Self>, fits: impl Fn(Self) -> Fit) -> Fit {
        let mut misfits = Vec::new();
        for one in alternatives {
            match fits(one) {
                Ok(()) => return Ok(()),
                Err(found) if type_names(resolved(one.schema, one.root)) != ["null"] => misfits.push(found),
                Err(_) => {}
            }
        }
        match misfits.pop() {
            Some(only) if misfits.is_empty() => Err(only),
            _ => misfit(format!("must be {}", self.expected())),
        }
    }

    fn number_fits(self, number: f64, value: &Value) -> Fit {
        if let Some(least) = self.number("minimum").filter(|least| number < *least) {
            return misfit(format!("must be at least {least}, not {value}"));
        }
        if let Some(most) = self.number("maximum").filter(|most| number > *most) {
            return misfit(format!("must be at most {most}, not {value}"));
        }
        Ok(())
    }

    fn text_fits(self, text: &str) -> Fit {
        if let Some(pattern) = self.get("pattern").and_then(Value::as_str)
            && !matches(pattern, text)
        {
            return match form(resolved(self.schema, self.root)) {
                Some(form) => misfit(format!("must be {}, not `{text}`", example(&form))),
                None => misfit(format!("must match `{pattern}`")),
            };
        }
        let length = text.chars().count();
        if self.number("minLength").is_some_and(|least| (length as f64) < least) {
            return misfit("must not be empty");
        }
        match self.number("maxLength").filter(|most| (length as f64) > *most) {
            Some(most) => misfit(format!("must have at most {most} characters, not {length}")),
            None => Ok(()),
        }
    }

    fn length_fits(self, length: usize) -> Fit {
        if let Some(least) = self.number("minItems").filter(|least| (length as f64) < *least) {
            return misfit(format!("must have at least {least} items"));
        }
        match self.number("maxItems").filter(|most| (length as f64) > *most) {
            Some(most) => misfit(format!("must have at most {most} items")),
            None => Ok(()),
        }
    }

    fn fields_fit(self, fields: &Map<String, Value>) -> Fit {
        self.names_fit(fields.keys().map(String::as_str))?;
        fields.iter().try_for_each(|(name, value)| match self.field(name) {
            Some(schema) => at(&format!(".{name}"), schema.takes(value)),
            None => Ok(()),
        })
    }

    fn field(self, name: &str) -> Option<Self> {
        let declared = self.get("properties").and_then(|fields| fields.get(name));
        declared.or_else(|| self.get("additionalProperties").filter(|of| of.is_object())).map(|schema| self.to(schema))
    }

    fn names_fit<'n>(self, names: impl Iterator<Item = &'n str> + Clone) -> Fit {
        let declared: Vec<&str> = self
            .get("properties")
            .and_then(Value::as_object)
            .map(|fields| fields.keys().map(String::as_str).collect())
            .unwrap_or_default();
        if self.get("additionalProperties") == Some(&Value::Bool(false))
            && let Some(unknown) = names.clone().find(|name| !declared.contains(name))
        {
            let help = match nearest(unknown, declared.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the names are {}", declared.join(", ")),
            };
            return helped(format!("has no `{unknown}`"), Some(help));
        }
        let required = self.get("required").and_then(Value::as_array);
        let mut required = required.into_iter().flatten().filter_map(Value::as_str);
        match required.find(|required| names.clone().all(|name| name != *required)) {
            Some(missing) => misfit(format!("needs `{missing}`")),
            None => Ok(()),
        }
    }

    /// Whether what an expression gives can fit.
    pub(super) fn takes_type(self, of: &Type) -> Fit {
        if matches!(of, Type::Any | Type::Null | Type::Never) {
            return Ok(());
        }
        let schema = resolved(self.schema, self.root);
        if let Some(allowed) = words(schema) {
            return match of {
                Type::Text(Form::Words(given)) => match given.iter().find(|word| !allowed.contains(word)) {
                    Some(word) => misfit(format!("must be one of {}, and may be `{word}`", allowed.join(", "))),
                    None => Ok(()),
                },
                Type::Text(Form::Plain) => Ok(()),
                other => misfit(format!("must be one of {}, not {}", allowed.join(", "), other.describe())),
            };
        }
        if let Some(alternatives) = self.alternatives() {
            return self.one_of(alternatives, |one| one.takes_type(of));
        }
        let names = type_names(schema);
        let allows = |name: &str| names.is_empty() || names.contains(&name);
        let fits = match of {
            Type::Text(given) => {
                return match form(schema) {
                    Some(expected) if allows("string") => text_form(self, &expected, given),
                    _ if allows("string") => Ok(()),
                    _ => misfit(format!("must be {}, not {}", self.expected(), of.describe())),
                };
            }
            Type::Moment => allows("string") && matches!(form(schema), None | Some(Form::Timestamp)),
            Type::Bool => allows("boolean"),
            Type::Int => allows("integer") || allows("number"),
            Type::Number => allows("number"),
            Type::List(item) => match self.get("items").filter(|_| allows("array")) {
                Some(schema) => return at("[…]", self.to(schema).takes_type(item)),
                None => allows("array"),
            },
            Type::Map(item) => match self.get("additionalProperties").filter(|of| of.is_object() && allows("object")) {
                Some(schema) => return at(".…", self.to(schema).takes_type(item)),
                None => allows("object"),
            },
            Type::Object(fields) if allows("object") => {
                self.names_fit(fields.iter().map(|(name, _)| name.as_str()))?;
                return fields.iter().try_for_each(|(name, of)| match self.field(name) {
                    Some(schema) => at(&format!(".{name}"), schema.takes_type(of)),
                    None => Ok(()),
                });
            }
            _ => false,
        };
        match (fits, of) {
            (true, _) => Ok(()),
            (false, Type::Length) if form(schema) == Some(Form::Duration) => helped(
                format!("must be {}, not a CEL duration", self.expected()),
                Some("write the duration as text, without `duration(…)`".to_owned()),
            ),
            _ => misfit(format!("must be {}, not {}", self.expected(), of.describe())),
        }
    }

    /// Whether a value fits in which expressions may stand at any depth; `type_of` gives the type of one.
    pub(super) fn takes_template(self, template: &Template, type_of: &dyn Fn(&Template) -> Type) -> Fit {
        match template {
            Template::Literal(value) => self.takes(value),
            Template::Spelled { value, written, .. } => match self.takes(&Value::from(written.as_str())) {
                // Another question: `spellings`.
                Ok(()) => Ok(()),
                Err(_) => self.takes(value),
            },
            Template::Broken => Ok(()),
            Template::Expression(_) => self.takes_type(&type_of(template)),
            Template::Text(parts) => match resolved(self.schema, self.root).get("x-secret-reference") {
                Some(Value::Bool(true)) if !begins_as_reference(parts) => misfit("must point to a secret"),
                _ => self.takes_type(&Type::Text(Form::Plain)),
            },
            Template::List(items) => {
                let (of, schema) = (Type::list(Type::Any), self.container());
                self.takes_type(&of)?;
                schema.length_fits(items.len())?;
                let Some(each) = schema.get("items") else { return Ok(()) };
                let each = self.to(each);
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, item)| at(&format!("[{index}]"), each.takes_template(item, type_of)))
            }
            Template::Map(fields) => {
                let schema = self.container();
                if !matches!(self.takes_type(&Type::map(Type::Any)), Ok(())) {
                    return misfit(format!("must be {}, not a mapping", self.expected()));
                }
                schema.names_fit(fields.iter().map(|(name, _)| name.as_str()))?;
                fields.iter().try_for_each(|(name, value)| match schema.field(name) {
                    Some(field) => at(&format!(".{name}"), field.takes_template(value, type_of)),
                    None => Ok(()),
                })
            }
        }
    }

    /// The schema of the list or mapping among the alternatives.
    fn container(self) -> Self {
        let holds = |one: &Self| one.get("items").is_some() || one.get("properties").is_some();
        self.alternatives().and_then(|all| all.into_iter().find(holds)).unwrap_or(self)
    }
}

/// Numbers, and true or false, that would not be shown as they are written, where text is welcome as well: a release
/// `1.10` must not become 1.1 unseen. Without a schema, everything is.
pub(super) fn spellings(schema: Option<Schema<'_>>, template: &Template) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut open = vec![(schema, template)];
    while let Some((schema, template)) = open.pop() {
        match template {
            Template::Spelled { value, written, span } => {
                // A whole number among fractions calculates as one of them, and its author knows.
                let is_whole = written.parse().is_ok_and(|whole: i64| whole.to_string() == *written);
                let text = Value::from(written.as_str());
                if !is_whole && schema.is_none_or(|schema| schema.takes(&text).is_ok()) {
                    let message = format!("`{written}` is not kept as it is written: it is read as `{value}`");
                    let problem = Diagnostic::error(message, *span).rule("spelling");
                    found.push(problem.help(format!("write `\"{written}\"` to keep it, or `{value}`")));
                }
            }
            Template::List(items) => {
                let each = schema.and_then(|schema| {
                    let container = schema.container();
                    container.get("items").map(|each| container.to(each))
                });
                open.extend(items.iter().map(|item| (each, item)));
            }
            Template::Map(fields) => {
                let container = schema.map(Schema::container);
                let field = |name: &str| container.and_then(|container| container.field(name));
                open.extend(fields.iter().map(|(name, value)| (field(name), value)));
            }
            Template::Literal(_) | Template::Expression(_) | Template::Broken | Template::Text(_) => {}
        }
    }
    found
}

fn begins_as_reference(parts: &[Part]) -> bool {
    matches!(parts.first(), Some(Part::Text(text)) if ["env:", "file:", "@Microsoft.KeyVault("].iter().any(|begin| text.starts_with(begin)))
}

fn text_form(schema: Schema<'_>, expected: &Form, given: &Form) -> Fit {
    match given {
        Form::Plain => Ok(()),
        Form::Words(words) => words.iter().try_for_each(|word| schema.takes(&Value::from(word.as_str()))),
        given if given == expected || (*expected == Form::Url && *given == Form::Secret) => Ok(()),
        Form::Url if *expected == Form::Secret => Ok(()),
        given => misfit(format!(
            "must be {}, not {}",
            Type::Text(expected.clone()).describe(),
            Type::Text(given.clone()).describe()
        )),
    }
}

/// Whether a text matches a pattern. The few patterns of the schemas are compiled once.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: LazyLock<Mutex<HashMap<String, Option<Regex>>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let regex = compiled.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok());
    regex.as_ref().is_none_or(|regex| regex.is_match(text))
}

/// What a text of a form looks like.
fn example(form: &Form) -> &'static str {
    match form {
        Form::Timestamp => "a time such as `2026-11-22T21:40:00Z`",
        Form::Duration => "a duration such as `90s`, `15m`, `24h` or `30d`",
        Form::Url => "a URL such as `https://contoso.com/`",
        Form::Secret => "the URL of a secret, `https://VAULT.vault.azure.net/secrets/NAME`",
        Form::Plain | Form::Words(_) => "text",
    }
}

fn given(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Number(number) if !number.is_i64() && !number.is_u64() => "a fraction".to_owned(),
        value => match Type::of_value(value) {
            Type::Text(_) => "text".to_owned(),
            other => other.describe(),
        },
    }
}
