//! Text for people, line by line: a line end within a line is somebody else's, and is shown as such.

/// Lines, as they will be printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    lines: Vec<String>,
}

impl Page {
    /// A page of one line.
    pub(crate) fn of(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()] }
    }

    /// A text whose line ends are all its own: made by this program, or shown as the file that it is.
    pub(crate) fn document(text: &str) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect() }
    }

    /// A text of several lines that others wrote: every line but the first is marked as such.
    pub(crate) fn others(text: &str, mark: &str) -> Self {
        Self { lines: text.trim_end().lines().map(str::to_owned).collect() }.after("", mark)
    }

    /// Adds one line, whatever stands in it.
    pub(crate) fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// Adds an empty line.
    pub(crate) fn blank(&mut self) {
        self.lines.push(String::new());
    }

    /// Adds another page below.
    pub(crate) fn add(&mut self, below: Self) {
        self.lines.extend(below.lines);
    }

    /// The page with something before its first line, and before each of the others.
    pub(crate) fn after(mut self, first: &str, others: &str) -> Self {
        for (index, line) in self.lines.iter_mut().enumerate() {
            if !(line.is_empty() && index > 0) {
                line.insert_str(0, if index == 0 { first } else { others });
            }
        }
        self
    }

    /// The page below an empty line.
    pub(crate) fn below_blank(mut self) -> Self {
        self.lines.insert(0, String::new());
        self
    }

    /// Its lines, as they were added.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Whether there is nothing on it.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}
