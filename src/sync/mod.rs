//! Plan what makes the local library mirror the remote one, guard it, apply it.
