import Broker

/// What somebody may do.
struct Rights: Sendable, Equatable {
    var publish = GroupPatterns.none
    var subscribe = GroupPatterns.none
    var delete = GroupPatterns.none
    var admin = false
    var layer = false

    static let none = Rights()

    func grant(_ right: Right, _ topic: Topic) -> Bool {
        switch right {
        case .publish, .subscribe, .delete: groups(right).cover(topic)
        case .admin: admin
        case .layer: layer
        }
    }

    /// Whether it holds at all: of a right to groups, for any of them.
    func grantAny(_ right: Right) -> Bool {
        switch right {
        case .publish, .subscribe, .delete: !groups(right).isEmpty
        case .admin: admin
        case .layer: layer
        }
    }

    /// For people: `publish orders.*; subscribe a, b; admin`.
    var summary: String {
        let texts = Right.allCases.compactMap { right -> String? in
            guard grantAny(right) else { return nil }
            let groups = groups(right)
            return groups.isEmpty ? right.rawValue : "\(right.rawValue) \(groups.summary)"
        }
        return texts.isEmpty ? "none" : texts.joined(separator: "; ")
    }

    /// The groups that a right is for; none where it is for no groups.
    func groups(_ right: Right) -> GroupPatterns {
        switch right {
        case .publish: publish
        case .subscribe: subscribe
        case .delete: delete
        case .admin, .layer: .none
        }
    }
}
