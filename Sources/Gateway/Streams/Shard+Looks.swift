import NIOCore

/// What is done by time: each stream is looked at about four times per heartbeat.
extension Shard {
    /// What the looks know of each other.
    struct Looking {
        fileprivate var schedule: LookSchedule
        fileprivate var pinned: PinnedBytes
        /// What the counters were told last.
        fileprivate var told = (recentBytes: 0, evictions: 0)

        init(_ settings: StreamSettings, start: NIODeadline) {
            schedule = LookSchedule(round: settings.lookRound, start: start)
            pinned = PinnedBytes(maximum: settings.pinnedBytes)
        }
    }

    /// How long to wait before the next call of ``tick()``: a whole round where there is nobody to look at, so that an idle
    /// loop sleeps.
    var tickDelay: TimeAmount {
        streams.isEmpty && sockets.isEmpty && responses.isEmpty ? settings.lookRound : looking.schedule.delay
    }

    /// Looks at the streams whose moment has come.
    func tick() {
        readClock()
        for slice in looking.schedule.due(at: now) {
            if slice == 0 { forgetOld() }
            look(at: slice)
        }
        counters.recentBytes.add(recent.bytes - looking.told.recentBytes)
        counters.recentEvictions.add(recent.evictions - looking.told.evictions)
        looking.told = (recent.bytes, recent.evictions)
    }

    private func look(at slice: Int) {
        let before = looking.pinned.bytes
        let share = looking.pinned.share
        var (bytes, holders) = (0, 0)
        for stream in streams.streams(in: slice) {
            let held = stream.look(now, mayPin: share)
            bytes += held
            holders += held > 0 ? 1 : 0
        }
        for socket in sockets.streams(in: slice) {
            let held = socket.look(now, mayPin: share)
            bytes += held
            holders += held > 0 ? 1 : 0
        }
        for response in responses.streams(in: slice) {
            let held = response.look(now, mayPin: share)
            bytes += held
            holders += held > 0 ? 1 : 0
        }
        looking.pinned.looked(at: slice, bytes: bytes, holders: holders)
        counters.pinnedBytes.add(looking.pinned.bytes - before)
    }

    /// Once in a round: what is kept for those who come at about the same time goes.
    private func forgetOld() {
        pages.forgetOld()
        pieces.forgetAll()
    }
}
