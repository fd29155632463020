/// Elements at places that stay the same until they are released, so that a place can stand for an element where a name
/// would have to be hashed.
///
/// A released place is given out again. What lay there stays until then, so whatever holds much memory has to be emptied
/// before it is released.
struct Slab<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private var vacant: [Int] = []

    var count: Int { elements.count - vacant.count }

    subscript(place: Int) -> Element {
        get { elements[place] }
        _modify { yield &elements[place] }
    }

    mutating func insert(_ element: Element) -> Int {
        guard let place = vacant.popLast() else {
            elements.append(element)
            return elements.count - 1
        }
        elements[place] = element
        return place
    }

    mutating func release(_ place: Int) {
        vacant.append(place)
        if count == 0, elements.count > 1024 {
            // After a peak, give the memory back; small slabs keep theirs, or each message could cost an allocation.
            self = Slab()
        }
    }
}
