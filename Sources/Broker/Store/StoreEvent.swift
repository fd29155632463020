/// Something that happened in a store. Its feed tells all of them, in order, and begins after the position that ``MessageStore/start(_:)`` returns.
public enum StoreEvent: Sendable {
    /// Messages that were stored, their sequences ascending, also from event to event. Nothing that is stored lies between
    /// them, and nothing up to `through` follows.
    case messages([Message], through: Int64)
    /// Messages that have left the store, after the event that brought them.
    case removals([Removal])
    /// Messages for whoever is connected. They have no place in the order of the others.
    case unstored([Message])
    /// Messages up to here were stored, and will not be handed over: whoever follows groups reads them from the store.
    case skipped(through: Int64)
}

/// Messages that have left the store, for whoever keeps messages in memory to drop.
public enum Removal: Hashable, Sendable {
    /// One message was deleted. For those who resume it is no gap.
    case message(Int64, in: GroupName)
    /// All messages of a group up to and including a sequence were removed, by a purge or by retention.
    case messages(through: Int64, in: GroupName)

    /// The group from which something was removed.
    public var group: GroupName {
        switch self {
        case .message(_, let group), .messages(_, let group): group
        }
    }
}
