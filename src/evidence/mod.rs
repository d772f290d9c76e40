//! Everything that a run can know, typed: what was proven, refused, seen or not seen.
