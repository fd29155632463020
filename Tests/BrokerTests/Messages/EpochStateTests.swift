import Broker
import Testing

struct EpochStateTests {
    private static func id(_ epoch: String, _ sequence: Int64) throws -> MessageID {
        MessageID(epoch: try #require(Epoch(epoch)), sequence: sequence)
    }

    private static func state() throws -> EpochState {
        EpochState(
            try #require(Epoch("c")),
            lineage: [
                .init(epoch: try #require(Epoch("a")), through: 10),
                .init(epoch: try #require(Epoch("b")), through: 20),
            ]
        )
    }

    @Test(
        arguments: [
            ("a", 0, true), ("a", 10, true), ("a", 11, false), ("b", 20, true), ("b", 21, false), ("c", 1, true),
            ("c", .max, true), ("d", 1, false),
        ]
    )
    func `an earlier epoch's ids hold as far as it went`(epoch: String, sequence: Int64, isOwn: Bool) throws {
        #expect(try Self.state().accepts(Self.id(epoch, sequence)) == isOwn)
    }

    @Test func `a message keeps the epoch in which it was published`() throws {
        let state = try Self.state()
        for (epoch, sequence) in [("a", 1), ("a", 10), ("b", 11), ("b", 20), ("c", 21)] as [(String, Int64)] {
            #expect(try state.id(sequence) == Self.id(epoch, sequence))
        }
    }
}
