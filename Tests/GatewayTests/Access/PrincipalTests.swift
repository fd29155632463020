import Broker
import HTTPTypes
import Testing

@testable import Gateway

struct PrincipalTests {
    private let open: Principal
    private let group: GroupName
    private let room: GroupName

    init() throws {
        (group, room) = (try GroupName("news"), try GroupName("chat.room"))
        open = .open(AccessTerms(applicationGroups: [room]))
    }

    @Test(arguments: [Right.publish, .subscribe, .delete])
    func `without keys everybody may use all groups but an application's`(right: Right) throws {
        #expect(open.may(right, .group(group)))
        #expect(!open.may(right, .group(room)))
        // A pattern that would match one may be followed, and does not match it.
        #expect(open.may(right, .pattern("chat.*")))
        #expect(!open.followable("chat.*").matches(room) && open.followable("*").matches(group))
        #expect(open.may(right, .pattern("news.*")))
        let problem = #expect(throws: Problem.self) { try open.check(right, .group(room)) }
        #expect(problem?.status == .forbidden)
        #expect(problem?.detail.contains("'chat.room' belongs to an application") == true)
    }

    @Test(arguments: Right.allCases)
    func `nobody may do anything`(right: Right) {
        #expect(!Principal.nobody.may(right, .group(group)))
    }

    @Test func `a route may use groups with the right that it needs, and none without`() throws {
        let reading = open.access(for: .groups(.subscribe))
        #expect(reading.may(group) && !reading.may(room))
        for need in [RouteNeed.nothing, .application] {
            let access = open.access(for: need)
            #expect(!access.may(group))
            #expect(throws: Problem.self) { try access.check(group) }
        }
        #expect(!Principal.nobody.access(for: .groups(.publish)).may(group))
    }

    @Test func `every route on the loop says what it needs`() {
        let routes: [(LoopRoute, Right?)] = [
            (.stream(group: "g"), .subscribe), (.streamOfGroups, .subscribe), (.publish(group: "g"), .publish),
            (.publishBatch, .publish), (.poll(group: nil), .subscribe), (.granted(path: "/x"), nil),
            (.wholeServer, nil),
        ]
        for (route, right) in routes { #expect(route.need.right == right) }
    }
}
