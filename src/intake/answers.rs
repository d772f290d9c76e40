//! What programs and servers answer in place of what they were asked for: errors, pages to sign in, lists without an entry,
//! and what they send by themselves.

use serde_json::Value;

/// The members of errors, in small letters: RFC 9457, OAuth, and what the APIs of clouds and code hosts write.
const OF_ERRORS: &[&str] = &[
    "code",
    "correlation_id",
    "correlationid",
    "detail",
    "details",
    "documentation_url",
    "error",
    "error_code",
    "error_codes",
    "error_description",
    "error_uri",
    "errorcode",
    "errors",
    "innererror",
    "instance",
    "message",
    "path",
    "reason",
    "request_id",
    "requestid",
    "status",
    "statuscode",
    "suberror",
    "success",
    "target",
    "timestamp",
    "title",
    "trace_id",
    "traceid",
    "type",
    "typekey",
    "typename",
    "$id",
    "eventid",
];
/// Which of them an error does not do without.
const TELLING: &[&str] = &["error", "errors", "message", "title", "error_description"];
/// What a server sends by itself, and the members that tell it.
const SENT: &[(&[&str], &str)] = &[
    (&["repository", "sender"], "the body of a web hook of GitHub"),
    (&["hook", "hook_id", "zen"], "the body of a web hook of GitHub"),
    (&["object_kind", "project"], "the body of a web hook of GitLab"),
    (&["publisherId", "eventType", "resource"], "the body of a web hook of Azure DevOps"),
    (&["topic", "subject", "eventType", "data"], "an event of Azure Event Grid"),
    (&["specversion", "source", "type"], "an event (CloudEvents)"),
    (&["device_code", "user_code"], "what a sign-in with a code begins with"),
];
/// How programs begin to say that they failed, in small letters.
const FAILED: &[&str] = &[
    "error:",
    "error ",
    "error(",
    "[error]",
    "err:",
    "fatal:",
    "fatal error",
    "panic:",
    "exception",
    "unhandled",
    "traceback (most recent call last)",
    "usage:",
    "curl: (",
    "wget:",
    "bash:",
    "-bash:",
    "sh:",
    "zsh:",
    "/bin/sh:",
    "az:",
    "kubectl:",
    "jq:",
    "parse error",
    "permission denied",
    "access denied",
    "access is denied",
    "unauthorized",
    "forbidden",
    "http/1",
    "http/2",
    "404 ",
    "403 ",
    "401 ",
    "500 ",
    "502 ",
    "503 ",
    "(forbidden)",
    "(unauthorized)",
    "(secretnotfound)",
    "please run",
    "to sign in",
    "no such file",
    "command not found",
    "could not",
    "cannot ",
    "can't ",
    "failed to",
    "unable to",
    "get-azkeyvaultsecret",
    "operation returned an invalid status",
    "the term '",
    "'az' is not recognized",
    "warning:",
    "the user, group or application",
    "client address is not authorized",
];
/// What a page says that keeps others out, in small letters.
const KEEPS_OUT: &[&str] = &[
    "sign in",
    "signin",
    "sign-in",
    "log in",
    "login",
    "log-in",
    "403",
    "404",
    "401",
    "not found",
    "forbidden",
    "unauthorized",
    "access denied",
    "just a moment",
    "http-equiv=\"refresh\"",
    "bad gateway",
    "unavailable",
];

/// What a text is, if it is what somebody answered in place of a value.
pub fn answer(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches('\u{feff}').trim();
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => {
            let has = |name: &&str| object.contains_key(*name);
            let sent = SENT.iter().find(|(names, _)| names.iter().all(has)).map(|(_, what)| *what);
            let names: Vec<String> = object.keys().map(|name| name.to_lowercase()).collect();
            let is_error = names.iter().all(|name| OF_ERRORS.contains(&name.as_str()))
                && names.iter().any(|name| TELLING.contains(&name.as_str()));
            let is_empty_list = object.get("value").is_some_and(|list| list == &Value::Array(Vec::new()));
            sent.or(is_error.then_some("an error that something answered with"))
                .or(is_empty_list.then_some("a list without an entry"))
        }
        Ok(_) => None,
        Err(_) if is_page(text) => {
            let lower = text.to_lowercase();
            let is_closed = KEEPS_OUT.iter().any(|word| lower.contains(word));
            is_closed.then_some("a web page that keeps you out: a sign-in, or an error")
        }
        Err(_) => {
            let line = text.lines().next().unwrap_or_default().trim();
            let lower = line.to_lowercase();
            // One word may be anybody's password.
            let is_said = line.contains(' ') && FAILED.iter().any(|begin| lower.starts_with(begin));
            let is_shell = [": command not found", ": no such file or directory", ": permission denied"]
                .iter()
                .any(|end| lower.ends_with(end));
            (is_said || is_shell).then_some("what a program prints that failed")
        }
    }
}

/// Whether a text is a page of the web.
pub fn is_page(text: &str) -> bool {
    let begin: String = text.trim_start().chars().take(16).collect::<String>().to_lowercase();
    begin.starts_with("<!doctype html") || begin.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_place_of_a_value_is_named() {
        for text in [
            "ERROR: (Forbidden) The user does not have secrets get permission on key vault 'kv-drill'",
            "(Forbidden) Caller is not authorized to perform action on resource.",
            "{\"message\":\"Bad credentials\",\"documentation_url\":\"https://docs.github.com/rest\",\"status\":\"401\"}",
            "{\"error\":{\"code\":\"SecretNotFound\",\"message\":\"no such secret\"}}",
            "{\"count\":0,\"value\":[]}",
            "<!DOCTYPE html><html><head><title>Sign in to your account</title></head></html>",
            "{\"action\":\"created\",\"repository\":{},\"sender\":{}}",
            "curl: (6) Could not resolve host: x",
            "bash: az: command not found",
            "Traceback (most recent call last):\n  File \"x.py\", line 1",
            "usage: tool [options]",
        ] {
            assert!(answer(text).is_some(), "{text}");
        }
        for text in [
            "error:Kq7mZ2tR9vL4xPp0",
            "correct horse battery staple",
            "{\"user\":\"app\",\"password\":\"x\"}",
            "{\"message\":\"x\",\"token\":\"y\"}",
            "<a><b>x</b></a>",
            "<html><body>Kq7mZ2tR9vL4xPp0</body></html>",
            "Kq7mZ2tR9vL4xPp0",
        ] {
            assert!(answer(text).is_none(), "{text}");
        }
    }
}
