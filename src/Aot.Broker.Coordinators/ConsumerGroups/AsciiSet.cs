namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>A set of ASCII characters: all that a topic's name can have.</summary>
internal readonly record struct AsciiSet(ulong Low, ulong High)
{
    private const int WordBits = 64;

    public static AsciiSet None => default;

    public static AsciiSet All => new(ulong.MaxValue, ulong.MaxValue);

    public static AsciiSet Digits => Range('0', '9');

    public static AsciiSet Letters => Range('a', 'z') | Range('A', 'Z');

    public static AsciiSet Word => Letters | Digits | Of('_');

    public static AsciiSet Space => Of(' ') | Range('\t', '\n') | Range('\f', '\r');

    public static AsciiSet Of(char c) => Range(c, c);

    /// <summary>What is beyond ASCII in the range is left out.</summary>
    public static AsciiSet Range(char first, char last)
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
        return new AsciiSet(low, high);
    }

    public static AsciiSet Where(Func<char, bool> belongs)
    {
        AsciiSet set = None;
        for (char c = '\0'; c < 2 * WordBits; c++)
        {
            set = belongs(c) ? set | Of(c) : set;
        }
        return set;
    }

    public bool Contains(char c) =>
        c < WordBits ? (Low >> c & 1) != 0 : c < 2 * WordBits && (High >> (c - WordBits) & 1) != 0;

    /// <summary>With each letter also in its other case.</summary>
    public AsciiSet IgnoringCase()
    {
        AsciiSet self = this;
        return Where(c =>
            self.Contains(c) || self.Contains(char.ToLowerInvariant(c)) || self.Contains(char.ToUpperInvariant(c))
        );
    }

    public static AsciiSet operator |(AsciiSet a, AsciiSet b) => new(a.Low | b.Low, a.High | b.High);

    public static AsciiSet operator ~(AsciiSet set) => new(~set.Low, ~set.High);
}
