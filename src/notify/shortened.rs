//! Texts that a receiver would refuse for their length, shortened where nothing is lost that somebody must do.

/// What stands where something is left out.
const LEFT_OUT: &str = " … (shortened: the report has it whole) … ";

/// A text of at most so many characters. Its beginning stays, and the last line or sentence that holds a command of ours:
/// whoever reads it at night must be able to go on.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        return text.to_owned();
    }
    let end = command(text).filter(|command| command.chars().count() + LEFT_OUT.chars().count() < longest);
    let end = end.unwrap_or_default();
    let left = longest.saturating_sub(LEFT_OUT.chars().count() + end.chars().count());
    let begin: String = text.chars().take(left).collect();
    let whole = format!("{begin}{LEFT_OUT}{end}");
    // Too short even for the word that something is left out.
    if whole.chars().count() <= longest { whole } else { text.chars().take(longest).collect() }
}

/// A text that has at most so many characters once it is dressed for its receiver, whose escapes make it longer.
pub(crate) fn dressed(text: &str, longest: usize, dress: impl Fn(&str) -> String) -> String {
    let mut allowed = longest;
    loop {
        let dressed = dress(&shortened(text, allowed));
        let length = dressed.chars().count();
        if length <= longest || allowed == 0 {
            return dressed;
        }
        // Each turn ends below the last one.
        allowed = (allowed * longest / length).min(allowed - 1);
    }
}

/// From the last command of ours to the end of its line, with the words before it where they are few.
fn command(text: &str) -> Option<&str> {
    let at = text.rfind("stanch ").filter(|at| !text.get(..*at).is_some_and(|before| before.ends_with('/')))?;
    let line = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let sentence = text.get(line..at)?.rfind(". ").map_or(line, |end| line + end + 2);
    let begin = if at - sentence <= 80 { sentence } else { at };
    let rest = text.get(begin..)?;
    rest.lines().next()
}

#[cfg(test)]
mod tests {
    use super::{LEFT_OUT, dressed, shortened};
    use proptest::prelude::*;

    #[test]
    fn the_command_to_go_on_stays() {
        let text =
            format!("{} Its older versions stay. Next: stanch approve r-1 approve --by NAME", "word ".repeat(900));
        let short = shortened(&text, 300);
        assert!(short.starts_with("word ") && short.contains(LEFT_OUT), "{short}");
        assert!(short.ends_with("Next: stanch approve r-1 approve --by NAME"), "{short}");
        assert_eq!(short.chars().count(), 300);
        let text = format!("Next: stanch resume r-1\n{}", "word ".repeat(900));
        assert!(shortened(&text, 300).ends_with("Next: stanch resume r-1"));
        assert!(shortened(&"ż".repeat(900), 300).ends_with(LEFT_OUT));
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_it_may_be(text in ".{0,400}", longest in 0_usize..300) {
            prop_assert!(shortened(&text, longest).chars().count() <= longest);
            let escaped = dressed(&text, longest, |text| text.replace('&', "&amp;"));
            prop_assert!(escaped.chars().count() <= longest);
        }
    }
}
