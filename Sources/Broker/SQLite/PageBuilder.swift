import GRDB
import NIOCore

/// Rows made into a page, until the page is full.
struct PageBuilder {
    private let epoch: Epoch
    private let limit: Int
    private let maximumBytes: Int
    private(set) var messages: [Message] = []
    private var bytes = 0
    /// A message that has no room, or that is damaged, has come.
    private(set) var isFull = false

    init(_ epoch: Epoch, limit: Int, maximumBytes: Int) {
        (self.epoch, self.limit, self.maximumBytes) = (epoch, limit, maximumBytes)
    }

    func page(of rows: GroupRows) -> LogPage {
        LogPage(messages: messages, isComplete: !isFull, removedThrough: rows.removedThrough, oldest: rows.oldest)
    }

    /// Takes rows of ``StoredMessage/columns``, of which there is one more than the limit if there is more. Ends before a
    /// message that is damaged.
    ///
    /// - Throws: The damage, where that message is the first.
    mutating func fill(from cursor: RowCursor, _ names: [Int64: GroupName]) throws {
        while !isFull, let row = try cursor.next() { try take(row, in: names[try row.value(1)]) }
    }

    /// Takes a row, or is full. As ``fill(from:_:)``.
    mutating func take(_ row: Row, in group: GroupName?) throws {
        let data = try StoredMessage.data(row)
        bytes += data.readableBytes
        guard messages.count < limit, messages.isEmpty || bytes <= maximumBytes else {
            isFull = true
            return
        }
        do {
            messages.append(try StoredMessage.read(row, data, in: group, epoch: epoch))
        } catch  where !messages.isEmpty && error is BrokerError {
            isFull = true
        }
    }
}

extension LogPage {
    /// The same page of messages that were read from the newest on.
    var reversed: LogPage {
        LogPage(messages: messages.reversed(), isComplete: isComplete, removedThrough: removedThrough, oldest: oldest)
    }
}
