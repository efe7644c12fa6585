using System.Globalization;

namespace Aot.Broker.Coordinators.Regexes;

/// <summary>
/// The part of RE2's syntax that means one character of several: classes in brackets, Perl's, POSIX' and Unicode's, and
/// escapes. Of scripts and categories only what is in ASCII is known.
/// </summary>
internal sealed class CharSetReader(RegexText text)
{
    /// <summary>After a backslash: \d \w \s \pN \p{...} and their opposites, else null.</summary>
    public CharSet? EscapedClass()
    {
        char c = text.Next;
        CharSet? set = char.ToLowerInvariant(c) switch
        {
            'd' => CharSet.Digits,
            'w' => CharSet.Word,
            's' => CharSet.Space,
            'p' => null,
            _ => default(CharSet?),
        };
        if (c is 'p' or 'P')
        {
            text.At++;
            CharSet category = Category();
            return c == 'P' ? ~category : category;
        }
        if (set is not { } found)
        {
            return null;
        }
        text.At++;
        return char.IsUpper(c) ? ~found : found;
    }

    /// <summary>A Unicode category by one letter, or by its name in braces; what scripts have in ASCII are Latin's letters.</summary>
    private CharSet Category()
    {
        if (text.IsAtEnd)
        {
            throw new FormatException("invalid character class at the end");
        }
        string name = text.Take().ToString();
        if (name == "{")
        {
            int close = text.Find('}');
            if (close < 0)
            {
                throw new FormatException($"invalid character class at {text.At}");
            }
            name = text.Until(close);
            text.At = close + 1;
        }
        bool isNegated = name.StartsWith('^');
        name = isNegated ? name[1..] : name;
        CharSet set = name switch
        {
            "Any" => CharSet.All,
            "Latin" => CharSet.Letters,
            "Common" => ~CharSet.Letters,
            { Length: 1 or 2 } when "LMNPSZC".Contains(name[0]) => CharSet.Where(c =>
                CategoryCode(c).StartsWith(name, StringComparison.Ordinal)
            ),
            { Length: > 2 } when name.All(char.IsAsciiLetter) => CharSet.None,
            _ => throw new FormatException($"invalid character class {name}"),
        };
        return isNegated ? ~set : set;
    }

    private static string CategoryCode(char c) =>
        char.GetUnicodeCategory(c) switch
        {
            UnicodeCategory.UppercaseLetter => "Lu",
            UnicodeCategory.LowercaseLetter => "Ll",
            UnicodeCategory.DecimalDigitNumber => "Nd",
            UnicodeCategory.SpaceSeparator => "Zs",
            UnicodeCategory.Control => "Cc",
            UnicodeCategory.ConnectorPunctuation => "Pc",
            UnicodeCategory.DashPunctuation => "Pd",
            UnicodeCategory.OpenPunctuation => "Ps",
            UnicodeCategory.ClosePunctuation => "Pe",
            UnicodeCategory.OtherPunctuation => "Po",
            UnicodeCategory.MathSymbol => "Sm",
            UnicodeCategory.CurrencySymbol => "Sc",
            UnicodeCategory.ModifierSymbol => "Sk",
            _ => "So",
        };

    public char EscapedChar()
    {
        char c = text.Take();
        switch (c)
        {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'f':
                return '\f';
            case 'v':
                return '\v';
            case 'a':
                return '\a';
            case 'x':
                return HexChar();
            case >= '0' and <= '7' when c == '0' || (text.At < text.Length && text.Next is >= '0' and <= '7'):
                int value = c - '0';
                for (int i = 0; i < 2 && !text.IsAtEnd && text.Next is >= '0' and <= '7'; i++)
                {
                    value = (value * 8) + (text.Take() - '0');
                }
                return (char)value;
            default:
                return CharSet.Word.Contains(c) && c != '_'
                    ? throw new FormatException($"invalid escape \\{c} at {text.At - 2}")
                    : c;
        }
    }

    private char HexChar()
    {
        int length = 2;
        if (text.Accept("{"))
        {
            length = text.Find('}') - text.At;
        }
        bool isValid =
            length is > 0 and <= 6
            && text.At + length <= text.Length
            && int.TryParse(text.Span(length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _);
        if (!isValid)
        {
            throw new FormatException($"invalid escape at {text.At}");
        }
        int value = int.Parse(text.Span(length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        text.At += length;
        text.Accept("}");
        return value <= char.MaxValue ? (char)value : char.MaxValue;
    }

    /// <summary>What stands in brackets, behind the opening one.</summary>
    public CharSet Class(bool ignoresCase)
    {
        bool isNegated = text.Accept("^");
        CharSet set = CharSet.None;
        for (bool isFirst = true; ; isFirst = false)
        {
            if (text.IsAtEnd)
            {
                throw new FormatException("missing closing ]");
            }
            if (text.Next == ']' && !isFirst)
            {
                text.At++;
                set = ignoresCase ? set.IgnoringCase() : set;
                return isNegated ? ~set : set;
            }
            set |= ClassItem();
        }
    }

    private CharSet ClassItem()
    {
        if (text.Accept("[:"))
        {
            return PosixClass();
        }
        if (text.Next == '\\' && text.At + 1 < text.Length)
        {
            text.At++;
            if (EscapedClass() is { } set)
            {
                return set;
            }
            text.At--;
        }
        char first = ClassChar();
        if (text.At + 1 < text.Length && text.Next == '-' && text[text.At + 1] != ']')
        {
            text.At++;
            char last = ClassChar();
            return last < first
                ? throw new FormatException($"invalid character class range at {text.At}")
                : CharSet.Range(first, last);
        }
        return CharSet.Of(first);
    }

    private char ClassChar()
    {
        char c = text.Take();
        if (c != '\\')
        {
            return c;
        }
        return text.IsAtEnd ? throw new FormatException("trailing backslash") : EscapedChar();
    }

    private CharSet PosixClass()
    {
        bool isNegated = text.Accept("^");
        int close = text.Find(":]");
        string name = close < 0 ? "" : text.Until(close);
        CharSet set = name switch
        {
            "alnum" => CharSet.Letters | CharSet.Digits,
            "alpha" => CharSet.Letters,
            "ascii" => CharSet.All,
            "blank" => CharSet.Of(' ') | CharSet.Of('\t'),
            "cntrl" => CharSet.Where(char.IsControl),
            "digit" => CharSet.Digits,
            "graph" => CharSet.Range('!', '~'),
            "lower" => CharSet.Range('a', 'z'),
            "print" => CharSet.Range(' ', '~'),
            "punct" => CharSet.Where(c => c is >= '!' and <= '~' && !char.IsAsciiLetterOrDigit(c)),
            "space" => CharSet.Space | CharSet.Of('\v'),
            "upper" => CharSet.Range('A', 'Z'),
            "word" => CharSet.Word,
            "xdigit" => CharSet.Where(char.IsAsciiHexDigit),
            _ => throw new FormatException($"invalid character class at {text.At}"),
        };
        text.At = close + 2;
        return isNegated ? ~set : set;
    }
}
