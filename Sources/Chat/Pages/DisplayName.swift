import Foundation

/// The name that somebody is signed in under, and that their messages carry.
enum DisplayName {
    /// In code points, as databases and most other languages count.
    static let maximumLength = 500

    /// The name as it was given, without white space at its ends, and with a space for each control character; empty
    /// where nothing of it can be seen, nil where it is too long.
    static func trimmed(_ text: String) -> String? {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { scalars.append(scalar.isControl ? " " : scalar) }
        let name = String(scalars).trimmingCharacters(in: .whitespacesAndNewlines)
        guard name.unicodeScalars.count <= maximumLength else { return nil }
        return name.unicodeScalars.contains(where: \.isVisible) ? name : ""
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

extension Unicode.Scalar {
    /// Also the separators of lines and paragraphs. SQLite's texts end at NUL; people's names have no use for the others.
    fileprivate var isControl: Bool {
        [.control, .lineSeparator, .paragraphSeparator].contains(properties.generalCategory)
    }

    /// Whether a font shows anything for it: a name of marks for direction, joiners and fillers is no name.
    fileprivate var isVisible: Bool {
        let isBlankBraille = value == 0x2800
        return !properties.isDefaultIgnorableCodePoint && !properties.isWhitespace && !isBlankBraille
            && properties.generalCategory != .format
    }
}
