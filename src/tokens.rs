//! Forms of the credentials that people leak most, as their issuers publish them: what each begins with, its letters, and
//! how many there are at least. Whoever must tell a token from another text asks here.

use regex::Regex;
use std::sync::LazyLock;

/// A kind of token that is told by its begin.
#[derive(Debug)]
pub(crate) struct Token {
    /// `a GitHub token`.
    what: &'static str,
    begins: &'static [&'static str],
    /// What may stand behind the begin, as a class of a regular expression, and how many of them are there at least.
    letters: &'static str,
    least: usize,
}

const fn token(what: &'static str, begins: &'static [&'static str], letters: &'static str, least: usize) -> Token {
    Token { what, begins, letters, least }
}

/// What is first is the better guess.
const TOKENS: &[Token] = &[
    token("an AWS access key", &["AKIA", "ASIA", "ABIA", "ACCA"], "[0-9A-Z]", 16),
    token("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], "[A-Za-z0-9_]", 36),
    token("a GitHub token", &["github_pat_"], "[A-Za-z0-9_]", 22),
    token(
        "a GitLab token",
        &[
            "glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "glwt-",
            "glsoat-", "glffct-", "gloas-",
        ],
        "[A-Za-z0-9_.-]",
        20,
    ),
    token("a Stripe key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"], "[A-Za-z0-9_]", 16),
    token(
        "a Slack token",
        &[
            "xoxa-",
            "xoxb-",
            "xoxc-",
            "xoxd-",
            "xoxe-",
            "xoxo-",
            "xoxp-",
            "xoxr-",
            "xoxs-",
            "xoxe.xoxp-",
            "xoxe.xoxb-",
            "xapp-",
        ],
        "[A-Za-z0-9%-]",
        10,
    ),
    token("a Google key", &["AIza"], "[0-9A-Za-z_-]", 35),
    token("a credential of Google", &["GOCSPX-", "ya29."], "[0-9A-Za-z_.-]", 20),
    token("an npm token", &["npm_"], "[A-Za-z0-9]", 36),
    token("a PyPI token", &["pypi-"], "[A-Za-z0-9_-]", 50),
    token("a SendGrid key", &["SG."], "[A-Za-z0-9_.-]", 33),
    token("a token of HashiCorp Vault", &["hvs.", "hvb.", "hvr."], "[A-Za-z0-9_-]", 20),
    token("a key of Anthropic", &["sk-ant-"], "[A-Za-z0-9_-]", 33),
    token("a key of OpenAI", &["sk-proj-", "sk-svcacct-", "sk-admin-"], "[A-Za-z0-9_-]", 20),
    token("a token of Hugging Face", &["hf_"], "[A-Za-z0-9]", 30),
    token("a token of Docker", &["dckr_pat_", "dckr_oat_"], "[A-Za-z0-9_-]", 23),
    token("a token of DigitalOcean", &["dop_v1_", "doo_v1_", "dor_v1_"], "[0-9a-f]", 64),
    token("a token of Shopify", &["shpat_", "shpca_", "shppa_", "shpss_"], "[0-9A-Fa-f]", 32),
    token("a token of Atlassian", &["ATATT3", "ATCTT3"], "[A-Za-z0-9_=-]", 30),
    token("a Postman key", &["PMAK-"], "[0-9a-f-]", 40),
    token("a New Relic key", &["NRAK-"], "[0-9A-Z]", 27),
    token("a Linear key", &["lin_api_"], "[A-Za-z0-9]", 32),
    token("a token of SonarQube", &["sqa_", "sqp_", "squ_"], "[0-9a-f]", 40),
    token("an age key", &["AGE-SECRET-KEY-1"], "[0-9A-Z]", 58),
];

/// Kinds of token that are told by what stands in their middle, or by their letters.
const SHAPES: &[(&str, &str)] = &[
    ("a JSON web token", r"eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){2,4}"),
    ("a client secret of Entra", r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    ("a key of an AI service", r"sk-(?:or-v1-)?[A-Za-z0-9]{32,}"),
    ("a token of Databricks", r"dapi[0-9a-f]{32}(?:-\d)?"),
    ("an Azure key", r"[A-Za-z0-9+/]{86}=="),
    ("an Azure key", r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}"),
    // The marks that Azure writes into the keys of its services, so that they are known again.
    (
        "an Azure key",
        r"[A-Za-z0-9+/_-]{32,76}(?:AzFu|AzSe|AzCa|APIM|AIoT|ACDb|AStr|\+AMC|\+ASt|\+ABa|\+AEh|\+ASb|\+ARm|\+ACR)[A-Za-z0-9+/_-]{4,14}={0,2}",
    ),
    ("a token of Azure DevOps", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}"),
    ("a Terraform token", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}"),
    ("a token of a Telegram bot", r"\d{8,10}:[A-Za-z0-9_-]{35}"),
    ("a token of a Discord bot", r"[MNO][A-Za-z0-9_-]{23,}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"),
];

/// Of a text that is nothing else so many letters are enough to take it for one: it may have been made shorter.
const FEWEST: usize = 10;

type Patterns = LazyLock<Vec<(&'static str, Regex)>>;

/// Finds tokens inside of other texts.
static INSIDE: Patterns = LazyLock::new(|| patterns(r"\b", "", usize::MAX));
/// Tells what is a token as a whole.
static WHOLE: Patterns = LazyLock::new(|| patterns("^", "$", FEWEST));

/// What all of them are found by, between two ends, where so many letters behind the begin are enough.
fn patterns(before: &str, behind: &str, enough: usize) -> Vec<(&'static str, Regex)> {
    let tokens = TOKENS.iter().map(|token| {
        let begins: Vec<String> = token.begins.iter().map(|begin| regex::escape(begin)).collect();
        let least = token.least.min(enough);
        (token.what, format!("{before}(?:{})(?:{}){{{least},}}{behind}", begins.join("|"), token.letters))
    });
    let shapes = SHAPES.iter().map(|(what, pattern)| (*what, format!("{before}(?:{pattern}){behind}")));
    tokens.chain(shapes).filter_map(|(what, pattern)| Some((what, Regex::new(&pattern).ok()?))).collect()
}

/// Every kind of token with what finds it inside of another text.
pub(crate) fn inside() -> impl Iterator<Item = (&'static str, &'static Regex)> {
    INSIDE.iter().map(|(what, pattern)| (*what, pattern))
}

/// Which token a text is as a whole.
pub(crate) fn whole(text: &str) -> Option<&'static str> {
    WHOLE.iter().find(|(_, pattern)| pattern.is_match(text)).map(|(what, _)| *what)
}

/// What all tokens begin with that are of the same kind as a text, and how many letters follow it at least.
pub(crate) fn begin(text: &str) -> Option<(&'static str, usize)> {
    let begins = TOKENS.iter().flat_map(|token| token.begins.iter().map(|begin| (*begin, token.least)));
    begins.filter(|(begin, _)| text.starts_with(begin)).max_by_key(|(begin, _)| begin.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_can_be_read() {
        assert_eq!(inside().count(), TOKENS.len() + SHAPES.len());
        assert_eq!(WHOLE.len(), TOKENS.len() + SHAPES.len());
    }

    #[test]
    fn a_token_is_told_as_a_whole_inside_of_a_text_and_by_its_begin() {
        for (what, text) in [
            ("a GitHub token", format!("ghp_{}", "a1B2".repeat(9))),
            ("a GitHub token", format!("github_pat_11ABC_{}", "x1Y2".repeat(14))),
            ("a Slack token", "xoxb-123456789012-abcdefghijABCDEF".to_owned()),
            ("a key of Anthropic", format!("sk-ant-api03-{}", "a1B2".repeat(20))),
        ] {
            assert_eq!(whole(&text), Some(what), "{text}");
            let line = format!("token = {text} # live");
            assert!(inside().any(|(found, pattern)| found == what && pattern.is_match(&line)), "{text}");
            assert!(begin(&text).is_some_and(|(begin, _)| text.starts_with(begin)), "{text}");
        }
        for (what, text) in [
            ("a client secret of Entra", format!("abc8Q~{}", "a1B2".repeat(8))),
            ("an Azure key", format!("{}==", "Ab1/".repeat(21) + "Cd")),
            ("an Azure key", format!("{}+ACRAb1c2d3", "a1".repeat(21))),
            ("an Azure key", format!("{}AzFuabcdef==", "x1".repeat(22))),
            ("a Terraform token", format!("a1B2c3D4e5F6g7.atlasv1.{}", "x1".repeat(32))),
        ] {
            assert_eq!(whole(&text), Some(what), "{text}");
        }
        for text in ["sk-rotate-the-database-credentials", "ghp_short", "task-runner", "skeleton"] {
            assert_eq!(whole(text), None, "{text}");
        }
        assert_eq!(begin("sk-ant-x").map(|(begin, _)| begin), Some("sk-ant-"));
    }
}
