import Foundation

/// The name that somebody is signed in under, and that their messages carry.
enum DisplayName {
    /// In code points, as databases and most other languages count.
    static let maximumLength = 500

    /// The name as it was given, without white space at its ends; nil where it is too long.
    static func trimmed(_ text: String) -> String? {
        let name = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return name.unicodeScalars.count <= maximumLength ? name : nil
    }

    /// A name for somebody who gives none.
    static func random() -> String {
        "\(characters.randomElement() ?? "Ariel") \(Int.random(in: 1000...9999))"
    }

    private static let characters = [
        "Antonio", "Ariel", "Balthasar", "Banquo", "Bassanio", "Beatrice", "Benedick", "Benvolio", "Bianca", "Bottom",
        "Caliban", "Cassio", "Celia", "Cordelia", "Demetrius", "Desdemona", "Duncan", "Emilia", "Falstaff", "Feste",
        "Florizel", "Gertrude", "Gonzalo", "Hamlet", "Helena", "Hermia", "Hermione", "Hero", "Horatio", "Imogen",
        "Jessica", "Juliet", "Laertes", "Lysander", "Macduff", "Malvolio", "Mercutio", "Miranda", "Nerissa", "Oberon",
        "Olivia", "Ophelia", "Orlando", "Orsino", "Perdita", "Portia", "Prospero", "Puck", "Quince", "Romeo",
        "Rosalind", "Sebastian", "Titania", "Touchstone", "Trinculo", "Viola",
    ]
}
