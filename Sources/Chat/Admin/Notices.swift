import Synchronization

/// What the next page tells an administrator of something that was done, once. It is kept here: what stands in an address
/// comes back whenever the page is loaded, and anybody can make up a link.
final class Notices: Sendable {
    private let texts = Mutex<[SecretToken.Digest: String]>([:])

    private static let maximum = 1000

    func leave(_ text: String, for session: Session?) {
        guard let session else { return }
        texts.withLock { texts in
            // Of those who never load another page.
            if texts.count >= Self.maximum { texts.removeAll() }
            texts[session.digest] = text
        }
    }

    func take(for session: Session?) -> String? {
        guard let session else { return nil }
        return texts.withLock { $0.removeValue(forKey: session.digest) }
    }
}
