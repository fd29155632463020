import GRDB

extension DatabaseTools {
    /// Looks for damage: in the structure of the file, in the counts that are kept, in every message.
    ///
    /// - Parameter limit: Each kind of damage is told so often.
    /// - Returns: What is wrong; empty if nothing is.
    /// - Throws: ``BrokerError`` if the database cannot be read at all.
    public func check(limit: Int = 20) throws(BrokerError) -> [DatabaseFinding] {
        let structure = try read { try SQLiteSchema.structuralDamage($0, limit: limit).map { DatabaseFinding($0) } }
        // Damage above a broken structure cannot be told apart from it.
        guard structure.isEmpty else { return structure }
        var findings = try read { db in
            try (DatabaseInvariants.wrongCounts(db, limit: limit) + DatabaseInvariants.reusableIDs(db))
                .map { DatabaseFinding($0) }
        }
        findings += try damagedMessages(limit: limit)
        return findings
    }

    /// Goes through the messages in stretches, so that a server's write-ahead log can begin anew meanwhile.
    private func damagedMessages(limit: Int) throws(BrokerError) -> [DatabaseFinding] {
        var findings: [DatabaseFinding] = []
        var last: Int64? = 0
        while let after = last, findings.count < limit {
            let stretch = try read { try DatabaseInvariants.damagedMessages($0, after: after) }
            findings += stretch.findings
            last = stretch.last
        }
        return Array(findings.prefix(limit))
    }
}
