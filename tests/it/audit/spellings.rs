//! Entries of every source, in every spelling that is the same entry, in files of every form: each is found.
//!
//! What is looked at before an entry is parsed may pass over nothing that the parser would have read. Hence the same
//! entries are written in many ways, by dice: which member holds what, as what type, with which escapes, how deep inside
//! of other JSON, and how the file is laid out and encoded.

use super::{HOST, SHOP, THIEF, compress, query, write};
use crate::stage::seed;
use apache_avro::types::{Record, Value as Avro};
use apache_avro::{Schema, Writer};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Map, Value, json};
use stanch::audit::{Source, blast_radius};
use tempfile::TempDir;

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    /// A read of the secret.
    Access,
    /// A read of another secret by the thief.
    Elsewhere,
    /// A change of the vault.
    Change,
    /// A known caller reads another secret.
    Ordinary,
}

fn cased(text: &str, dice: &mut Dice) -> String {
    text.chars().map(|char| if dice.one_in(4) { char.to_ascii_uppercase() } else { char }).collect()
}

fn address(deed: Deed, dice: &mut Dice) -> String {
    let name = match deed {
        Deed::Access => "db-password",
        Deed::Elsewhere => "smtp",
        Deed::Change => return format!("{HOST}/"),
        Deed::Ordinary => dice.pick(&["db-password-old", "old-db-password", "stripe", "db_password"]),
    };
    let odd = dice.one_in(3);
    let name: String = cased(name, dice)
        .chars()
        .map(|char| if odd && dice.one_in(5) { format!("%{:02X}", char as u32) } else { char.to_string() })
        .collect();
    let host = if dice.one_in(3) { "https://KV-Drill.vault.azure.net:443" } else { HOST };
    let slash = dice.pick(&["/", "/", "//", "%2f", "%2F"]);
    let secrets = dice.pick(&["secrets", "Secrets", "secrets"]);
    let tail = dice.pick(&["", "/", "/?api-version=7.4", "?api-version=7.4&x=/secrets/y"]);
    format!("{host}/{secrets}{slash}{name}{tail}")
}

/// One entry, as one of the sources has it.
fn entry(deed: Deed, second: usize, dice: &mut Dice) -> Value {
    let uri = address(deed, dice);
    let oid = if deed == Deed::Ordinary { SHOP } else { THIEF };
    let oid = match dice.roll(8) {
        0 | 1 => oid.to_uppercase(),
        2 => format!("{{{oid}}}"),
        3 => format!("urn:uuid:{oid}"),
        4 => oid.replace('-', ""),
        _ => oid.to_owned(),
    };
    let operation = if deed == Deed::Change { "VaultPatch" } else { "SecretGet" };
    let translated = json!({"value": operation, "localizedValue": "Get a secret"});
    let operation = if dice.one_in(5) { translated } else { json!(operation) };
    let time = format!("2026-11-20T10:{:02}:{:02}.1234567Z", second / 60 % 60, second % 60);
    let id = if dice.one_in(2) && deed != Deed::Change { uri.clone() } else { String::new() };
    let ip = dice.pick(&["203.0.113.9", "203.0.113.9:50412", "::ffff:203.0.113.9", "[::ffff:203.0.113.9]:443"]);
    let status =
        [json!(200), json!("200"), json!(200.0), json!("200,0"), json!("200 OK"), json!("OK")][dice.roll(6)].clone();
    let long = "http://schemas.microsoft.com/identity/claims/objectidentifier";
    let claim = [
        json!({"oid": oid, "appid": "app-1"}),
        json!({long: oid, "upn": "null"}),
        json!({"appid": "app-1", "oid": "-", long: oid}),
        json!({"OID": [oid]}),
    ][dice.roll(4)]
    .clone();
    let claim = part(claim, dice);
    let identity = [json!({"claim": claim}), json!({"Claims": claim})][dice.roll(2)].clone();
    let resource = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-DRILL";
    match dice.roll(5) {
        0 | 1 => json!({
            "time": time, "category": "AuditEvent", "operationName": operation, "resultSignature": "OK",
            "callerIpAddress": ip, "correlationId": "c", "identity": part(identity, dice), "resourceId": resource,
            "properties": part(json!({"id": id, "requestUri": uri, "httpStatusCode": status, "clientInfo": "x\"y\\z"}), dice),
        }),
        2 => json!({
            "TimeGenerated": time, "OperationName": operation, "CallerIPAddress": ip, "httpStatusCode_d": status,
            "id_s": id, "requestUri_s": uri, "identity_claim_oid_g": oid, "ResourceId": resource, "Category": "AuditEvent",
        }),
        3 => json!({
            "TimeGenerated": time, "OperationName": operation, "CallerIpAddress": ip, "HttpStatusCode": status,
            "Id": id, "RequestUri": uri, "Identity": part(identity, dice), "_ResourceId": resource.to_lowercase(),
        }),
        _ => json!({
            "operation_name": operation, "caller_ip_address": ip, "result_signature": "OK", "category": "AuditEvent",
            "properties": {"id": id, "requestUri": uri, "httpStatusCode": status}, "identity": identity, "time": time,
        }),
    }
}

/// An object, or the same as text, as a list of names and values, or in another spelling.
fn part(object: Value, dice: &mut Dice) -> Value {
    match dice.roll(12) {
        0 | 1 => Value::String(written(&object, false, dice)),
        2 => {
            let times = 2 + dice.roll(2);
            (0..times).fold(object, |inner, _| Value::String(written(&inner, false, dice)))
        }
        3 => Value::String(base64(&written(&object, dice.one_in(2), dice), dice)),
        4 | 5 => {
            let [name, value] = dice.pick(&[["Name", "Value"], ["key", "value"], ["typ", "val"], ["Type", "Value"]]);
            object.as_object().unwrap().iter().map(|(key, held)| json!({name: key, value: held})).collect()
        }
        6 => Value::String(python(&object)),
        7 => Value::String(written(&object, false, dice).replace('\\', "\\\\").replace('"', "\\\"")),
        _ => object,
    }
}

fn base64(text: &str, dice: &mut Dice) -> String {
    match dice.roll(3) {
        0 => STANDARD.encode(text),
        1 => STANDARD_NO_PAD.encode(text),
        _ => URL_SAFE.encode(text),
    }
}

/// A value as Python prints it.
fn python(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(truth) => if *truth { "True" } else { "False" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n")),
        Value::Array(values) => format!("[{}]", joined(values.iter().map(python).collect())),
        Value::Object(members) => {
            format!(
                "{{{}}}",
                joined(members.iter().map(|(name, value)| format!("'{name}': {}", python(value))).collect())
            )
        }
    }
}

/// What shippers put before a line.
const WORDS: [&str; 9] = [
    "",
    "Nov 20 10:00:01 host app[7]: ",
    "2026-11-20T10:00:01.123456789Z ",
    "2026-11-20T10:00:01.1Z stdout F ",
    "web-1  | ",
    "INFO ",
    "<14>1 2026-11-20T10:00:01Z host app 7 ID [meta a=\"b\"] ",
    "[2026-11-20 10:00:01] INFO: ",
    "level=info msg=",
];

/// A line as a container engine writes it, in parts.
fn parts(entry: &Value, dice: &mut Dice) -> String {
    let text: Vec<char> = format!("{}\n", written(entry, false, dice)).chars().collect();
    // Engines cut at 16 KiB. A part so short that a member of an entry is all of it would be an entry by itself.
    let length = 300 + dice.roll(700);
    text.chunks(length)
        .map(|part| {
            let log: String = part.iter().collect();
            format!("{}\n", json!({"log": log, "stream": "stdout", "time": "2026-11-20T10:59:00Z"}))
        })
        .collect()
}

/// The entry in an envelope, or none.
fn wrapped(entry: Value, dice: &mut Dice) -> Value {
    let text = |entry: &Value, dice: &mut Dice| Value::String(written(entry, false, dice));
    match dice.roll(10) {
        8 => {
            let batch = written(&json!({"records": [entry]}), dice.one_in(2), dice);
            json!({"Body": base64(&batch, dice), "EnqueuedTimeUtc": "2026-11-20T10:59:00Z"})
        }
        9 => json!({"_raw": format!("{}{}", dice.pick(&WORDS), written(&entry, false, dice)), "_time": "1795168800"}),
        0 => json!({"@timestamp": "2026-11-20T10:59:00Z", "message": text(&entry, dice), "@version": "1"}),
        1 => json!({"log": text(&entry, dice), "stream": "stdout", "time": "2026-11-20T10:59:00Z"}),
        2 => json!({"message": {"records": [entry]}}),
        3 => json!({"body": text(&json!({"records": [text(&entry, dice)]}), dice)}),
        4 => json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
            {"timeUnixNano": "1795168800000000000", "body": {"stringValue": text(&entry, dice)}}
        ]}]}]}),
        _ => entry,
    }
}

/// JSON with escapes and white space as somebody may write them.
fn written(value: &Value, pretty: bool, dice: &mut Dice) -> String {
    let mut text = String::new();
    let style = dice.roll(4);
    write_value(value, &mut text, style, pretty.then_some(0), dice);
    text
}

fn write_value(value: &Value, text: &mut String, style: usize, indent: Option<usize>, dice: &mut Dice) {
    let space = |text: &mut String, deeper: usize| match indent {
        Some(indent) => text.push_str(&format!("\n{}", "  ".repeat(indent + deeper))),
        None if style == 1 => text.push(' '),
        None => {}
    };
    let inner = indent.map(|indent| indent + 1);
    match value {
        Value::String(string) => write_text(string, text, style, dice),
        Value::Array(values) => {
            text.push('[');
            for (nth, value) in values.iter().enumerate() {
                text.push_str(if nth > 0 { "," } else { "" });
                space(text, 1);
                write_value(value, text, style, inner, dice);
            }
            space(text, 0);
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (nth, (name, value)) in members.iter().enumerate() {
                text.push_str(if nth > 0 { "," } else { "" });
                space(text, 1);
                write_text(name, text, 0, dice);
                text.push_str(if style == 2 { " : " } else { ":" });
                write_value(value, text, style, inner, dice);
            }
            space(text, 0);
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn write_text(string: &str, text: &mut String, style: usize, dice: &mut Dice) {
    text.push('"');
    for char in string.chars() {
        let odd = style == 3 && dice.one_in(12) && char.is_ascii();
        match char {
            '/' if style == 1 => text.push_str("\\/"),
            // As .NET writes what could be markup.
            '"' | '&' | '+' | '\'' if style == 2 => text.push_str(&format!("\\u{:04X}", char as u32)),
            _ if odd => text.push_str(&format!("\\u{:04x}", char as u32)),
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            char => text.push(char),
        }
    }
    text.push('"');
}

const FORMS: [&str; 15] = [
    "lines",
    "windows",
    "list",
    "pretty list",
    "records",
    "value",
    "pretty",
    "glued",
    "tables",
    "utf-16",
    "gzip",
    "words",
    "parts",
    "csv",
    "avro",
];

/// A file of these entries, and its name.
fn file(form: &str, entries: &[Value], dice: &mut Dice) -> (String, Vec<u8>) {
    let lines = |dice: &mut Dice, end: &str| -> String {
        entries.iter().map(|entry| format!("{}{end}", written(entry, false, dice))).collect()
    };
    let bytes = match form {
        "windows" => format!("\u{feff}{}", lines(dice, "\r\n")).into_bytes(),
        "list" => written(&json!(entries), false, dice).into_bytes(),
        "pretty list" => written(&json!(entries), true, dice).into_bytes(),
        "records" => {
            let batches: Vec<Value> = entries.chunks(7).map(|batch| json!({"records": batch})).collect();
            written(&Value::Array(batches), dice.one_in(2), dice).into_bytes()
        }
        "value" => written(&json!({"value": entries, "nextLink": null}), dice.one_in(2), dice).into_bytes(),
        "pretty" => entries.iter().map(|entry| written(entry, true, dice) + "\n").collect::<String>().into_bytes(),
        "glued" => entries.iter().map(|entry| written(entry, true, dice)).collect::<String>().into_bytes(),
        "tables" => written(&table(entries), dice.one_in(2), dice).into_bytes(),
        "utf-16" => {
            let big = dice.one_in(2);
            let mark = if dice.one_in(2) { "\u{feff}" } else { "" };
            let text = format!("{mark}{}", lines(dice, "\n"));
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        }
        "words" => entries
            .iter()
            .map(|entry| format!("{}{}\n", dice.pick(&WORDS), written(entry, false, dice)))
            .collect::<String>()
            .into_bytes(),
        "parts" => entries.iter().map(|entry| parts(entry, dice)).collect::<String>().into_bytes(),
        "gzip" => compress(&lines(dice, "\n")),
        "csv" => return ("export.csv".to_owned(), sheet(entries, dice).into_bytes()),
        "avro" => return ("capture.avro".to_owned(), avro(entries, dice)),
        _ => lines(dice, "\n").into_bytes(),
    };
    ("PT1H.json".to_owned(), bytes)
}

/// All columns that any of the rows has.
fn columns(entries: &[Value]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for name in entries.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    columns
}

fn table(entries: &[Value]) -> Value {
    let names = columns(entries);
    let rows: Vec<Vec<Value>> =
        entries.iter().map(|entry| names.iter().map(|name| entry[name].clone()).collect()).collect();
    let columns: Vec<Value> = names.iter().map(|name| json!({"name": name, "type": "dynamic"})).collect();
    json!({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]})
}

fn sheet(entries: &[Value], dice: &mut Dice) -> String {
    let separator = dice.pick(&[",", ";", "\t"]);
    let mut text = columns(entries).join(separator) + "\r\n";
    for entry in entries {
        let cell = |name: &String| match &entry[name] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let cells =
            columns(entries).iter().map(|name| format!("\"{}\"", cell(name).replace('"', "\"\""))).collect::<Vec<_>>();
        text.push_str(&(cells.join(separator) + "\r\n"));
    }
    text
}

fn avro(entries: &[Value], dice: &mut Dice) -> Vec<u8> {
    let schema = Schema::parse_str(
        r#"{"type": "record", "name": "EventData", "namespace": "Microsoft.ServiceBus.Messaging", "fields": [
            {"name": "SequenceNumber", "type": "long"}, {"name": "EnqueuedTimeUtc", "type": "string"},
            {"name": "Body", "type": ["null", "bytes"]}]}"#,
    )
    .unwrap();
    let mut writer = Writer::new(&schema, Vec::new());
    for (nth, batch) in entries.chunks(3).enumerate() {
        let mut record = Record::new(writer.schema()).unwrap();
        record.put("SequenceNumber", nth as i64);
        record.put("EnqueuedTimeUtc", "11/20/2026 10:00:00 AM");
        let body = written(&json!({"records": batch}), false, dice).into_bytes();
        record.put("Body", Avro::Union(1, Box::new(Avro::Bytes(body))));
        writer.append(record).unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn what_the_parser_would_read_is_never_passed_over() {
    let heavy = crate::stage::is_heavy();
    let (files, in_each) = if heavy { (2_600, 400) } else { (52, 60) };
    let mut dice = Dice(seed() | 1);
    let folder = TempDir::new().unwrap();
    for nth in 0..files {
        let form = FORMS[nth % FORMS.len()];
        let kinds = [Deed::Access, Deed::Elsewhere, Deed::Ordinary, Deed::Ordinary, Deed::Change];
        let deeds: Vec<Deed> = (0..in_each).map(|_| dice.pick(&kinds)).collect();
        let entries: Vec<Value> = deeds
            .iter()
            .enumerate()
            .map(|(second, deed)| {
                let entry = entry(*deed, second, &mut dice);
                match form {
                    // A table that was exported tells the time in one column.
                    "csv" => entry.to_string().replacen("\"time\":", "\"TimeGenerated\":", 1).parse().unwrap(),
                    "tables" | "parts" => entry,
                    _ => wrapped(entry, &mut dice),
                }
            })
            .collect();
        let (name, bytes) = file(form, &entries, &mut dice);
        let path = folder.path().join(&name);
        write(&path, &bytes);
        let radius = blast_radius(&Source::path(&path), &query()).unwrap();
        let planted = |wanted: Deed| deeds.iter().filter(|deed| **deed == wanted).count() as u64;
        let read: u64 = radius.accesses.iter().map(|access| access.count).sum();
        let elsewhere: u64 = radius.second_order.iter().filter(|row| row.secret == "smtp").map(|row| row.count).sum();
        let changes = radius.findings.iter().filter(|finding| finding.rule == "vault-changed");
        let changes: u64 = changes.flat_map(|finding| &finding.evidence).map(|evidence| evidence.count).sum();
        let elsewhere_wanted = if read == 0 { 0 } else { planted(Deed::Elsewhere) };
        let found = (read, elsewhere, changes, radius.coverage.events, radius.coverage.unreadable_lines);
        let wanted = (planted(Deed::Access), elsewhere_wanted, planted(Deed::Change), entries.len() as u64, 0);
        if found != wanted {
            let kept = std::env::temp_dir().join(format!("stanch-spellings-{}-{name}", dice.0));
            std::fs::copy(&path, &kept).unwrap();
            panic!(
                "{form}: found {found:?}, wanted {wanted:?}; kept as {}: {:?}",
                kept.display(),
                radius.coverage.unreadable
            );
        }
        assert!(radius.accesses.iter().all(|access| access.ip == "203.0.113.9" && access.oid == THIEF), "{form}");
    }
}
