/// Which Notify this is.
public enum NotifyVersion {
    /// The newest heading of CHANGELOG.md.
    public static let current = "unreleased"
}
