import Synchronization

/// A number that any thread may add to. Behind a reference, so that a list can have several.
public final class Tally: Sendable {
    private let number = Atomic<Int>(0)

    /// At zero.
    public init() {}

    /// Adds to it.
    public func add(_ value: Int) {
        number.wrappingAdd(value, ordering: .relaxed)
    }

    /// Its value now.
    public var value: Int { number.load(ordering: .relaxed) }
}

/// Numbers that are told apart by a label, all of whose values are known when the program is built: nobody outside can add
/// one.
///
/// Safe to use from any thread.
public final class LabelledTally<Label: CaseIterable & Hashable & RawRepresentable & Sendable>: Sendable
where Label.RawValue == String {
    private let tallies: [Label: Tally]

    /// All at zero.
    public init() {
        tallies = Dictionary(Label.allCases.map { ($0, Tally()) }) { first, _ in first }
    }

    /// Adds to the number of a label.
    public func add(_ value: Int = 1, _ label: Label) {
        tallies[label]?.add(value)
    }

    /// The number of a label now.
    public subscript(_ label: Label) -> Int { tallies[label]?.value ?? 0 }

    /// All numbers, in the order in which the labels are declared.
    public var values: [(label: Label, value: Int)] { Label.allCases.map { ($0, self[$0]) } }
}
