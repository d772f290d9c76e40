//! What a report speaks of: tools that look for leaked secrets write the same formats as those that look for other things.

/// Words of rules about secrets, in small letters, and the weaknesses that such rules name.
const WORDS: &[&str] = &[
    "secret",
    "credential",
    "password",
    "passwd",
    "passphrase",
    "api-key",
    "api_key",
    "apikey",
    "api key",
    "access-key",
    "access_key",
    "access key",
    "private-key",
    "private_key",
    "private key",
    "privatekey",
    "connection-string",
    "connection string",
    "token",
    "hardcoded",
    "hard-coded",
    "leak",
    "cwe-256",
    "cwe-257",
    "cwe-259",
    "cwe-321",
    "cwe-522",
    "cwe-798",
];
/// What names a weakness, a package or a setting that has nothing to do with them.
const OTHERS: &[&str] = &["cwe-", "cve-", "ghsa-", "avd-", "ckv_", "owasp"];
/// Tools that look at code, packages and settings.
const OTHER_TOOLS: &[&str] = &[
    "codeql",
    "eslint",
    "bandit",
    "grype",
    "checkov",
    "tfsec",
    "kics",
    "hadolint",
    "clippy",
    "psscriptanalyzer",
    "pylint",
    "gosec",
    "brakeman",
    "sonar",
    "osv-scanner",
    "dependabot",
    "snyk open source",
    "terrascan",
    "shellcheck",
    "zizmor",
];

/// Tools that look for secrets, and for nothing else.
const SECRET_TOOLS: &[&str] = &[
    "gitleaks",
    "trufflehog",
    "nosey parker",
    "noseyparker",
    "kingfisher",
    "ggshield",
    "gitguardian",
    "whispers",
    "betterleaks",
];

/// What a text says that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Secrets,
    /// Code, packages, settings.
    Others,
    Unsaid,
}

/// What a rule, with all that is written of it, is about.
pub(super) fn of_rule(text: &str) -> Subject {
    let lower = text.to_lowercase();
    if WORDS.iter().any(|word| lower.contains(word)) {
        Subject::Secrets
    } else if OTHERS.iter().any(|word| lower.contains(word)) {
        Subject::Others
    } else {
        Subject::Unsaid
    }
}

/// What a tool is about, by its name.
pub(super) fn of_tool(name: &str) -> Subject {
    let lower = name.to_lowercase();
    let is_one = |tools: &[&str]| tools.iter().any(|tool| lower.contains(tool));
    match () {
        () if is_one(SECRET_TOOLS) => Subject::Secrets,
        () if is_one(OTHER_TOOLS) => Subject::Others,
        () => Subject::Unsaid,
    }
}
