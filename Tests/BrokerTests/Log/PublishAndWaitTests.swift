import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import Broker

/// Publishing from code that is no task.
@Suite(.timeLimit(.minutes(1)))
struct PublishAndWaitTests {
    private static func draft(_ text: String) throws -> MessageDraft {
        try MessageDraft(group: GroupName("g"), text: text)
    }

    private static func onThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { done in
            Thread { done.resume(returning: work()) }.start()
        }
    }

    @Test func `a thread waits until the message is stored`() async throws {
        let log = try MessageLog(
            store: SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath),
            layer: InMemoryChannelLayer()
        )
        let sequences = await Self.onThread {
            (0..<3).map { try? log.publishAndWait(Self.draft("\($0)")).id?.sequence }
        }
        #expect(sequences == [1, 2, 3])
        await log.close()
        let code = await Self.onThread {
            do throws(BrokerError) {
                _ = try log.publishAndWait(MessageDraft(group: GroupName("g"), text: "late"))
                return BrokerError.Code?.none
            } catch {
                return error.code
            }
        }
        #expect(code == .closed)
    }

    @Test func `tasks and event loops are refused`() async throws {
        let log = try MessageLog(
            store: SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath),
            layer: InMemoryChannelLayer()
        )
        #expect {
            try log.publishAndWait(Self.draft("x"))
        } throws: {
            ($0 as? BrokerError)?.code == .wouldBlock
        }
        let code = try await MultiThreadedEventLoopGroup.singleton.next().submit {
            do {
                try log.publishAndWait(Self.draft("x"))
                return BrokerError.Code?.none
            } catch {
                return (error as? BrokerError)?.code
            }
        }.get()
        #expect(code == .wouldBlock)
        #expect(log.frontier.sequence == 0)
    }
}
