/// What an application stores together with a message: in the message's own transaction, so that both are there or
/// neither. Each engine has its own kind, such as ``SQLiteAttachment``, and refuses drafts with another.
public protocol DraftAttachment: Sendable {}
