//! Who answered: the name that was claimed, and what the machine knows of whoever claimed it.
//!
//! A name is typed, so it proves nothing. Two who signed in are told apart by their object ids, and by nothing else. Of
//! anybody else the kernel tells: on one machine, whoever logged in (which `sudo` and `su` leave as it is), else the user.
//! It fails closed: containers of one machine are one machine, and all who share a user without a login of their own are
//! one person. Whoever can write the state directory can write anything into it; that is not looked for here.
//!
//! Whoever answers in a chat is known by the chat's own id for them, which the configuration gives a name: then the machine
//! is that of whoever carried the answer, and says nothing of who gave it.

use crate::failure::Failure;
use crate::visible;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_security::{MixedScript, skeleton};

const LONGEST_NAME: usize = 100;

/// What the machine knows of whoever answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Seen {
    /// The user, as the machine itself numbers it.
    pub uid: u32,
    /// The user's name, from the machine's list of users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The user who logged in, where the kernel keeps that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_uid: Option<u32>,
    pub host: String,
    /// Which start of which kernel: the same for all containers of a machine, whatever they are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// The terminal at which it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// The file in which the answer stood beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<AnswersFile>,
    /// Who signed in to answer, as the tenant's keys proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// Who answered in a chat, as the chat says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatUser>,
}

/// Somebody as a chat knows them.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ChatUser {
    /// Which chat it is.
    pub service: String,
    pub team: String,
    /// The id, which is never given to anybody else.
    pub user: String,
    /// What the chat calls them.
    pub name: String,
}

/// Whose sign-ins count in a run: pinned when it begins, so that an answer and whoever takes it in go by the same.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SignIns {
    /// The tenant's id, in lower case.
    pub tenant: String,
    /// The host of the authority at which its people sign in.
    pub login: String,
    /// Whether nobody answers without: a typed name is no answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
}

/// What a person's own sign-in said of them, once it was checked. Never the token.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Verified {
    /// The object id, in lower case.
    pub oid: String,
    /// The name they sign in by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// The tenant's id, in lower case.
    pub tenant: String,
    /// SHA-256 of the part of the token that was signed, lower-case hex: it stands for that token and no other.
    pub token_sha256: String,
    /// The groups they are in, in lower case; of an answer those alone that the question asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The token did not tell all the groups, or none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub groups_not_known: bool,
}

/// One entry of a list of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// The object id of a person, or of a group: they are never the same.
    Object(String),
    Group(String),
    /// The name that somebody signs in by, or types.
    SignInName(String),
    /// A name that is only typed.
    Name(String),
}

/// A file of answers.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct AnswersFile {
    pub path: String,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
}

/// Somebody who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What they say they are called.
    pub name: String,
    /// Nothing in journals of older programs.
    pub seen: Option<Seen>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Listed {
    /// Reads an entry: `GUID`, `group:GUID`, `NAME@DOMAIN`, or a name.
    pub fn of(entry: &str) -> Self {
        let entry = entry.trim();
        let id = |text: &str| uuid::Uuid::try_parse(text.trim()).ok().map(|id| id.to_string());
        let group = entry.split_once(':').filter(|(kind, _)| kind.trim().eq_ignore_ascii_case("group"));
        match (group.and_then(|(_, group)| id(group)), id(entry)) {
            (Some(group), _) => Self::Group(group),
            (None, Some(object)) => Self::Object(object),
            (None, None) if entry.contains('@') => Self::SignInName(entry.to_owned()),
            (None, None) => Self::Name(entry.to_owned()),
        }
    }

    /// Whether more people than one may stand behind it.
    pub fn may_be_many(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Group(_))
    }
}

impl Verified {
    /// What they are called: as they sign in, else their object id, also where the name would be read as another one.
    pub fn name(&self) -> String {
        let plain = |upn: &&String| name(upn).is_ok_and(|name| name == **upn);
        self.upn.as_ref().filter(plain).unwrap_or(&self.oid).clone()
    }

    /// Without the groups that nobody asks for.
    #[must_use]
    pub fn for_those(self, listed: &[String]) -> Self {
        let asked: Vec<Listed> = listed.iter().map(|entry| Listed::of(entry)).collect();
        let is_asked = |group: &String| {
            asked.iter().any(|entry| matches!(entry, Listed::Object(id) | Listed::Group(id) if id == group))
        };
        let asks_for_groups = asked.iter().any(Listed::may_be_many);
        let groups = self.groups.into_iter().filter(is_asked).collect();
        Self { groups, groups_not_known: self.groups_not_known && asks_for_groups, ..self }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.oid == other.oid && self.tenant == other.tenant
    }

    fn is_listed(&self, entry: &str) -> bool {
        match Listed::of(entry) {
            Listed::Object(id) => self.oid == id || self.groups.contains(&id),
            Listed::Group(id) => self.groups.contains(&id),
            Listed::SignInName(name) => self.upn.as_ref().is_some_and(|upn| upn.eq_ignore_ascii_case(&name)),
            Listed::Name(_) => false,
        }
    }
}

impl Seen {
    /// Whether both can be one person.
    fn is_same(&self, other: &Self) -> bool {
        if let (Some(own), Some(other)) = (&self.chat, &other.chat) {
            return (&own.service, &own.user) == (&other.service, &other.user);
        }
        let one_machine = self.host == other.host || (self.boot.is_some() && self.boot == other.boot);
        let number = |seen: &Self| seen.login_uid.unwrap_or(seen.uid);
        let one_number = number(self) == number(other);
        let both_logged_in = self.login_uid.is_some() && other.login_uid.is_some();
        one_machine && (one_number || (!both_logged_in && self.uid == other.uid))
    }

    /// `alice, uid 1000 on bastion`.
    fn told(&self) -> String {
        let login = self.login.as_ref().map(|login| format!("{login}, ")).unwrap_or_default();
        let other = self.login_uid.filter(|login_uid| *login_uid != self.uid);
        let other = other.map(|login_uid| format!(", logged in as uid {login_uid}")).unwrap_or_default();
        let file = self.file.as_ref().map(|file| format!(", from the file {}", file.path)).unwrap_or_default();
        format!("{login}uid {} on {}{other}{file}", self.uid, self.host)
    }
}

impl Person {
    pub fn new(name: &str, seen: Option<&Seen>) -> Self {
        Self { name: name.to_owned(), seen: seen.cloned() }
    }

    /// What their sign-in said; nothing where they only said who they are.
    pub fn verified(&self) -> Option<&Verified> {
        self.seen.as_ref()?.verified.as_ref()
    }

    /// Whether an entry of a list of people stands for them: for those who signed in by what the sign-in says, for others
    /// by the name they typed.
    pub fn is_listed(&self, entry: &str) -> bool {
        self.verified().map_or_else(|| self.is_called(entry), |verified| verified.is_listed(entry))
    }

    /// Whether both are called the same. What older programs wrote counts as they counted it.
    pub fn is_called(&self, name: &str) -> bool {
        if self.seen.is_some() { folded(&self.name) == folded(name) } else { self.name == name }
    }

    /// Whether the name is another one that looks like this one.
    pub fn looks_like(&self, name: &str) -> bool {
        let look_alike = || looks(&self.name).iter().any(|look| looks(name).contains(look));
        // Whoever signed in is known by more than a name.
        let is_claimed = self.seen.is_some() && self.verified().is_none();
        is_claimed && !self.is_called(name) && look_alike()
    }

    /// Whether nothing that is recorded tells the two apart, whatever they are called.
    pub fn is_same(&self, other: &Self) -> bool {
        if let Some(same) = self.is_same_sign_in(other) {
            return same;
        }
        if let Some(is_same) = self.is_same_by_login(other).or_else(|| other.is_same_by_login(self)) {
            return is_same;
        }
        self.seen.as_ref().zip(other.seen.as_ref()).is_some_and(|(own, other)| own.is_same(other))
    }

    /// Whether both signed in as one; nothing where one of them did not.
    pub fn is_same_sign_in(&self, other: &Self) -> Option<bool> {
        Some(self.verified()?.is_same(other.verified()?))
    }

    /// Whether the other one logged in by the name that somebody has in a chat; nothing unless one of the two alone was
    /// seen in a chat.
    fn is_same_by_login(&self, other: &Self) -> Option<bool> {
        let (own, seen) = self.seen.as_ref().zip(other.seen.as_ref())?;
        let one_alone = own.chat.is_some() && seen.chat.is_none();
        one_alone.then(|| seen.login.as_deref().is_some_and(|login| self.is_called(login)))
    }

    /// The name, and what it rests on: it is claimed unless they signed in, or the machine knows the user by it.
    pub fn told(&self) -> String {
        if let Some(verified) = self.verified() {
            return format!("{} (signed in, object id {})", self.name, verified.oid);
        }
        match &self.seen {
            None => format!("{} (claimed)", self.name),
            Some(Seen { chat: Some(chat), .. }) => {
                format!("{} ({} user {} of {})", self.name, chat.service, chat.user, chat.team)
            }
            Some(seen) if seen.file.is_none() && seen.login.as_deref().is_some_and(|login| self.is_called(login)) => {
                format!("{} (uid {} on {})", self.name, seen.uid, seen.host)
            }
            Some(seen) => format!("{} (claimed; {})", self.name, seen.told()),
        }
    }
}

/// A name as it counts, or why it is none: without spaces around it, of one script, and nothing hidden in it.
pub fn name(text: &str) -> Result<String, String> {
    let name: String = text.trim().nfkc().collect();
    let name = name.trim();
    if name.is_empty() {
        return Err("a name is missing".to_owned());
    }
    if name.contains(visible::is_hidden) {
        return Err(format!("the name `{}` holds characters that cannot be seen", visible::line(name)));
    }
    // As we write beside a name who it was: `kim (claimed; kim, uid 1000 on bastion)`.
    if !name.starts_with(char::is_alphanumeric) || name.contains(['(', ')', ',', ';']) {
        return Err(format!("the name `{name}` does not begin with a letter, or holds brackets or commas"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(format!("a name has at most {LONGEST_NAME} characters"));
    }
    // Letters of two scripts in one word are how a name is made that looks like another one.
    if name.split_whitespace().any(|word| !word.is_single_script()) {
        return Err(format!("the name `{name}` mixes letters of different scripts, which look alike"));
    }
    Ok(name.to_owned())
}

/// Whether each of those who are listed can sign in: nobody signs in as a name alone.
///
/// # Errors
/// Names the first who cannot.
pub fn can_all_sign_in(listed: &[String]) -> Result<(), Failure> {
    match listed.iter().find(|entry| matches!(Listed::of(entry), Listed::Name(_))) {
        Some(name) => Err(Failure::refused(format!(
            "`{name}` may answer a gate and is only a name, and answers count from those alone who sign in"
        ))
        .help("name people as they sign in (`NAME@DOMAIN`), by their object ids, or groups as `group:ID`")),
        None => Ok(()),
    }
}

/// Names that are told apart: each once, whatever its case. Says which is none, or looks like another.
pub fn names(texts: &[String]) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for text in texts {
        let name = name(text)?;
        let person = Person::new(&name, Some(&Seen::default()));
        if let Some(other) = names.iter().find(|other| person.looks_like(other)) {
            return Err(format!("the names `{name}` and `{other}` look alike"));
        }
        if !names.iter().any(|other| person.is_called(other)) {
            names.push(name);
        }
    }
    Ok(names)
}

/// What two ways of writing a name have in common. To upper case first, because some letters fall together only there.
fn folded(name: &str) -> String {
    let folded: String = name.trim().nfkc().collect::<String>().to_uppercase().to_lowercase();
    folded.split_whitespace().collect::<Vec<_>>().join(" ").nfkc().collect()
}

/// What a name looks like: as it is written, in small letters and in capitals, for two may look alike in one of them only
/// (`Ian` and `lan`, `bob` and `ВОВ`).
fn looks(name: &str) -> [String; 3] {
    let (as_written, folded) = (name.trim().nfkc().collect::<String>(), folded(name));
    [&as_written, &folded, &folded.to_uppercase()].map(|name| skeleton(name).collect())
}

#[cfg(test)]
mod tests {
    use super::{ChatUser, Listed, Person, Seen, Verified, name, names};

    fn seen(uid: u32, login_uid: Option<u32>, host: &str) -> Seen {
        Seen { uid, login_uid, host: host.to_owned(), ..Seen::default() }
    }

    #[test]
    fn a_name_is_what_can_be_seen_of_it() {
        assert_eq!(name("  Ａlice\t").unwrap(), "Alice");
        for none in ["", " \u{a0}", "al\u{200b}ice", "\u{202e}bob", "a\nb", "аlice", &"x".repeat(101)] {
            assert!(name(none).is_err(), "{none:?}");
        }
        for some in ["Иван Petrov", "王伟", "みさきカ", "alice@contoso.com", "O'Neil-Straße 2"] {
            assert!(name(some).is_ok(), "{some}");
        }
    }

    #[test]
    fn case_and_form_make_no_other_person_and_looks_none_of_the_same() {
        let person = |name: &str| Person::new(name, Some(&Seen::default()));
        for (one, other) in [("Alice", "ALICE"), ("STRASSE", "straße"), ("ｂob", "Bob"), ("e\u{301}va", "ÉVA")] {
            assert!(person(one).is_called(other), "{one} {other}");
        }
        for (one, other) in [
            ("аӏех", "alex"),
            ("paypal", "paypa1"),
            ("rnarc", "marc"),
            ("сосо", "coco"),
            ("СОСО", "coco"),
            ("Ian", "lan"),
            ("BOB", "ВОВ"),
            ("bob", "ВОВ"),
            ("ΑΝΝΑ", "anna"),
        ] {
            assert!(person(one).looks_like(other), "{one} {other}");
        }
        assert!(!person("alice").looks_like("bob"));
        assert_eq!(names(&["Bob ".to_owned(), "bob".to_owned()]).unwrap(), ["Bob"]);
        assert!(names(&["bob".to_owned(), "ЬоЬ".to_owned(), "вов".to_owned(), "bоb".to_owned()]).is_err());
        assert!(names(&["bob".to_owned(), " ".to_owned()]).is_err());
    }

    #[test]
    fn people_are_told_apart_by_what_the_kernel_says() {
        let same = |one: Seen, other: Seen| {
            assert_eq!(one.is_same(&other), other.is_same(&one));
            one.is_same(&other)
        };
        assert!(same(seen(0, None, "h"), seen(0, None, "h")));
        assert!(!same(seen(1000, None, "h"), seen(1001, None, "h")));
        assert!(!same(seen(1000, None, "h"), seen(1000, None, "other")));
        // Two who logged in and became root, one who became another, and one of whom only half is known.
        assert!(!same(seen(0, Some(1000), "h"), seen(0, Some(1001), "h")));
        assert!(same(seen(1001, Some(1000), "h"), seen(1000, Some(1000), "h")));
        assert!(same(seen(0, Some(1000), "h"), seen(0, None, "h")));
        assert!(same(seen(0, Some(1000), "h"), seen(1000, None, "h")));
        // Two containers of a machine.
        let in_container = |host: &str| Seen { boot: Some("b".to_owned()), ..seen(0, None, host) };
        assert!(same(in_container("c1"), in_container("c2")));
    }

    #[test]
    fn people_in_a_chat_are_told_apart_by_its_ids_and_from_others_by_their_logins() {
        let chat = |user: &str| {
            let (service, team, name) = ("Chat".to_owned(), "T1".to_owned(), "anything".to_owned());
            Some(ChatUser { service, team, user: user.to_owned(), name })
        };
        let in_chat =
            |name: &str, user: &str| Person::new(name, Some(&Seen { chat: chat(user), ..seen(0, None, "h") }));
        let at_machine = |name: &str, login: &str| {
            Person::new(name, Some(&Seen { login: Some(login.to_owned()), ..seen(0, None, "h") }))
        };
        assert!(in_chat("alice", "U1").is_same(&in_chat("bob", "U1")), "one id, two names");
        assert!(!in_chat("alice", "U1").is_same(&in_chat("bob", "U2")), "whoever carried the answers says nothing");
        for (one, other) in
            [(in_chat("Alice", "U1"), at_machine("bob", "alice")), (at_machine("x", "bob"), in_chat("bob", "U2"))]
        {
            assert!(one.is_same(&other), "{one:?} {other:?}");
        }
        assert!(!in_chat("alice", "U1").is_same(&at_machine("root", "root")));
        assert_eq!(in_chat("alice", "U1").told(), "alice (Chat user U1 of T1)");
    }

    #[test]
    fn what_is_only_a_name_is_called_claimed() {
        let login = |login: &str| Seen { login: Some(login.to_owned()), ..seen(7, None, "h") };
        assert_eq!(Person::new("bob", None).told(), "bob (claimed)");
        assert_eq!(Person::new("Bob", Some(&login("bob"))).told(), "Bob (uid 7 on h)");
        assert_eq!(Person::new("bob", Some(&login("alice"))).told(), "bob (claimed; alice, uid 7 on h)");
    }

    const OID: &str = "7991ac3e-0000-4000-8000-00000000000a";
    const GROUP: &str = "7991ac3e-0000-4000-8000-0000000000f0";

    fn signed_in(oid: &str, upn: &str) -> Person {
        let verified = Verified {
            oid: oid.to_owned(),
            upn: Some(upn.to_owned()),
            tenant: "t".to_owned(),
            groups: vec![GROUP.to_owned()],
            ..Verified::default()
        };
        let seen = Seen { verified: Some(verified.clone()), ..seen(0, None, "h") };
        Person::new(&verified.name(), Some(&seen))
    }

    #[test]
    fn two_who_signed_in_are_told_apart_by_their_object_ids_alone() {
        let alice = signed_in(OID, "alice@contoso.com");
        assert!(alice.is_same(&signed_in(OID, "al@contoso.com")), "two names, one person");
        assert!(!alice.is_same(&signed_in(GROUP, "bob@contoso.com")), "one machine, two people");
        assert!(alice.is_same(&Person::new("bob", Some(&seen(0, None, "h")))), "of one of them only the machine tells");
    }

    #[test]
    fn a_list_of_people_holds_object_ids_groups_and_names() {
        let alice = signed_in(OID, "Alice@contoso.com");
        for entry in [OID, &OID.to_uppercase(), "alice@CONTOSO.com", GROUP, &format!("group:{GROUP}")] {
            assert!(alice.is_listed(entry), "{entry}");
        }
        let look_alikes = ["al\u{131}ce@contoso.com", "\u{ff21}lice@contoso.com", " alice@contoso.com"];
        for upn in look_alikes {
            let other = signed_in(GROUP, upn);
            assert!(!other.is_listed("alice@contoso.com"), "{upn}");
            assert_ne!(other.name, "alice@contoso.com");
        }
        for entry in ["alice", "Alice", &format!("group:{OID}"), "bob@contoso.com"] {
            assert!(!alice.is_listed(entry), "{entry}");
        }
        assert!(Person::new("alice@contoso.com", Some(&Seen::default())).is_listed("Alice@contoso.com"));
        assert_eq!(Listed::of("Group: x"), Listed::Name("Group: x".to_owned()));
    }
}
