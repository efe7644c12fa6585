namespace Aot.Broker.Coordinators.Regexes;

/// <summary>
/// A set of characters: ASCII ones each, and of those beyond either one, all, or all but one. That is enough for the names
/// that are matched, of topics (ASCII) and of transactions.
/// </summary>
/// <param name="Low">Characters 0 to 63, a bit each.</param>
/// <param name="High">Characters 64 to 127.</param>
/// <param name="IsBeyond">Whether characters beyond ASCII belong to the set, but for <paramref name="Except"/>.</param>
/// <param name="Except">The one beyond ASCII that is otherwise; 0 = none.</param>
internal readonly record struct CharSet(ulong Low, ulong High, bool IsBeyond = false, char Except = '\0')
{
    private const int WordBits = 64;

    public static CharSet None => default;

    public static CharSet All => new(ulong.MaxValue, ulong.MaxValue, IsBeyond: true);

    public static CharSet Digits => Range('0', '9');

    public static CharSet Letters => Range('a', 'z') | Range('A', 'Z');

    public static CharSet Word => Letters | Digits | Of('_');

    public static CharSet Space => Of(' ') | Range('\t', '\n') | Range('\f', '\r');

    public static CharSet Of(char c) => c < 2 * WordBits ? Range(c, c) : new CharSet(0, 0, false, c);

    /// <exception cref="FormatException">The range ends among the characters beyond ASCII.</exception>
    public static CharSet Range(char first, char last)
    {
        ulong low = 0;
        ulong high = 0;
        for (int c = first; c <= last && c < 2 * WordBits; c++)
        {
            if (c < WordBits)
            {
                low |= 1UL << c;
            }
            else
            {
                high |= 1UL << (c - WordBits);
            }
        }
        if (last >= 2 * WordBits && last < char.MaxValue)
        {
            throw new FormatException("a range that ends beyond ASCII is not supported");
        }
        return new CharSet(low, high, IsBeyond: last == char.MaxValue);
    }

    public static CharSet Where(Func<char, bool> belongs)
    {
        CharSet set = None;
        for (char c = '\0'; c < 2 * WordBits; c++)
        {
            set = belongs(c) ? set | Of(c) : set;
        }
        return set;
    }

    public bool Contains(char c) =>
        c < WordBits ? ((Low >> c) & 1) != 0
        : c < 2 * WordBits ? ((High >> (c - WordBits)) & 1) != 0
        : IsBeyond != (c == Except);

    /// <summary>With each letter also in its other case.</summary>
    public CharSet IgnoringCase()
    {
        CharSet self = this;
        CharSet cased = Where(c =>
            self.Contains(c) || self.Contains(char.ToLowerInvariant(c)) || self.Contains(char.ToUpperInvariant(c))
        );
        return cased with { IsBeyond = IsBeyond, Except = Except };
    }

    public static CharSet operator |(CharSet a, CharSet b)
    {
        ulong low = a.Low | b.Low;
        ulong high = a.High | b.High;
        if (a.IsBeyond || b.IsBeyond)
        {
            // All but one, where neither has that one.
            char except =
                a.IsBeyond && b.IsBeyond ? (a.Except == b.Except ? a.Except : '\0')
                : a.IsBeyond ? (b.Except == a.Except ? '\0' : a.Except)
                : b.Except == a.Except ? '\0'
                : b.Except;
            return new CharSet(low, high, true, except);
        }
        if (a.Except != '\0' && b.Except != '\0' && a.Except != b.Except)
        {
            throw new FormatException("a class with several characters beyond ASCII is not supported");
        }
        return new CharSet(low, high, false, a.Except != '\0' ? a.Except : b.Except);
    }

    public static CharSet operator ~(CharSet set) => new(~set.Low, ~set.High, !set.IsBeyond, set.Except);
}
