import Broker
import HTTPTypes

/// Groups that belong to an application: the public routes refuse them, so that nobody reads past its access check or
/// writes under another's name.
struct ReservedGroups: Sendable {
    let names: Set<GroupName>

    /// - Throws: ``Problem``: 403 for a reserved group.
    func check(_ group: GroupName) throws(Problem) {
        guard names.contains(group) else { return }
        throw Problem(
            .forbidden,
            "The group '\(group)' belongs to an application of this server: use the application's own pages."
        )
    }

    func contains(_ group: GroupName) -> Bool { names.contains(group) }
}
