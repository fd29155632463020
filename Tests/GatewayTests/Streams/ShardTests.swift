import Broker
import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

/// What a shard and its streams keep.
@Suite(.timeLimit(.minutes(1)))
struct ShardTests {
    @Test func `a stream keeps no page, also where it cannot write the one that has come`() async throws {
        let bench = try await ShardBench()
        try await bench.publish(20)
        try await bench.log.purge(GroupName("g"), through: 10)
        let id = MessageID(epoch: bench.log.store.epoch, sequence: 5)
        // Says that something expired, and only then reads on.
        let (stream, channel) = try await bench.open(.after(id))
        let counters = bench.counters
        try await bench.run { counters.liveStreams.value == 1 }
        #expect(counters.deliveries.value == 10)
        try await bench.loop.executeInContext {
            for child in Mirror(reflecting: stream.value).children {
                #expect(!(child.value is PageReads.Page), "\(child.label ?? "")")
            }
        }
        try await channel.close().get()
        #expect(counters.streams.value == 0)
    }

    @Test func `more removals than the inbox holds are in no later replay`() async throws {
        let bench = try await ShardBench { $0.inboxBytes = 2000 }
        let (shard, loop) = (bench.shard, bench.loop)
        let (_, channel) = try await bench.open(.latest)
        let group = try GroupName("g")
        for _ in 0..<10 {
            try await bench.publish(10)
            await loop.run()
        }
        let floor = try await loop.executeInContext { shard.value.recent.floor(of: [group]) }
        #expect(floor < 100)
        // The loop does not run meanwhile.
        for sequence in Int64(1)...90 { try await bench.log.delete(sequence, in: group) }
        await loop.run()
        try await loop.executeInContext {
            let recent = shard.value.recent
            let shown = recent.messages(of: [group], after: recent.floor(of: [group]), maximumBytes: .max, now: .now())
            #expect(shown.allSatisfy { ($0.id?.sequence ?? 0) > 90 })
        }
        try await channel.close().get()
    }

    @Test func `groups that are silent keep no room for the messages of their busiest moment`() async throws {
        let bench = try await ShardBench()
        let (shard, loop) = (bench.shard, bench.loop)
        let (stream, channel) = try await bench.open(.latest)
        try await bench.publish(500)
        await loop.run()
        #expect(bench.counters.deliveries.value == 500)
        try await loop.executeInContext {
            let groups = try #require(
                Mirror(reflecting: shard.value).descendant("topics", "groups") as? [GroupName: FollowedTopic]
            )
            #expect(groups.count == 1)
            for group in groups.values { #expect(group.arrived.capacity == 0) }
            #expect(stream.value.feed?.live.count == 1)
        }
        try await channel.close().get()
    }
}
