import Foundation

/// What tells that a file has changed, without reading it.
struct FileStamp: Hashable, Sendable {
    private let inode: UInt64
    private let bytes: UInt64
    private let modified: Date?

    /// Follows links: certificates are often renewed by pointing a link to another file. Nil where there is no such file.
    init?(_ path: String) {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target) else { return nil }
        inode = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value ?? 0
        bytes = (attributes[.size] as? NSNumber)?.uint64Value ?? 0
        modified = attributes[.modificationDate] as? Date
    }
}
