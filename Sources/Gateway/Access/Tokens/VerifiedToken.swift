import Broker
import NIOCore
import Synchronization

/// A token whose signature was checked, or an API key that is known.
final class VerifiedToken: Sendable {
    /// SHA-256 of its text.
    typealias Digest = [UInt8]

    let digest: Digest
    let rights: Rights
    /// The user's name (`sub`); nil for programs, and for tokens without one.
    let user: String?
    /// As what the logs name whoever has it: the user, or the name of the API key.
    let name: String?
    /// The name of the key that vouches for it (`kid`); nil where that has none, and for an API key.
    let keyID: String?
    let isAPIKey: Bool
    /// What is shown with the user: a JSON object.
    let info: ByteBuffer?
    /// When it ends; nil: never.
    let endsAt: Timestamp?
    /// What vouches for it.
    let key: AccessKey
    /// Whether it says at all what it grants.
    let namesRights: Bool
    private let use = Atomic<Int64>(0)

    init(
        digest: Digest,
        rights: Rights,
        user: String? = nil,
        name: String? = nil,
        info: ByteBuffer? = nil,
        endsAt: Timestamp? = nil,
        key: AccessKey,
        keyID: String? = nil,
        isAPIKey: Bool = false,
        namesRights: Bool = true
    ) {
        (self.digest, self.namesRights) = (digest, namesRights)
        (self.keyID, self.isAPIKey) = (keyID, isAPIKey)
        (self.rights, self.user, self.info, self.endsAt, self.key) = (rights, user, info, endsAt, key)
        self.name = user ?? name
    }
}

extension VerifiedToken {
    /// When it was used last, in milliseconds as ``Timestamp`` has them.
    var lastUse: Int64 { use.load(ordering: .relaxed) }

    func noteUse(at now: Timestamp) { use.store(now.milliseconds, ordering: .relaxed) }

    /// Why a right may lack against its maker's will: a sentence, or nothing.
    func hint(at right: Right) -> String {
        guard namesRights else { return " It has no claim 'notify' that would grant any." }
        guard let text = rights.groups(right).malformed else { return "" }
        return
            " What it has for '\(right.rawValue)', \(text.quotedForPeople), is no pattern of groups, and grants nothing."
    }

    /// Whether it still counts.
    ///
    /// - Throws: ``TokenFault``: it has ended, or its key is gone.
    func check(at now: Timestamp) throws(TokenFault) {
        guard !key.end.isOver else { throw TokenFault("its key was taken away.") }
        if let endsAt, endsAt <= now { throw TokenFault("it has expired.") }
    }
}

/// A key in the life of a server: what stands on it ends when it goes.
final class AccessKey: Sendable {
    /// Ends the streams that were opened with it.
    let end = StreamEnd()
}
