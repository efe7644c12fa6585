namespace Aot.Broker.Coordinators.Regexes;

/// <summary>An expression, and how far it is read.</summary>
internal sealed class RegexText(string text)
{
    public int At { get; set; }

    public int Length => text.Length;

    public bool IsAtEnd => At >= text.Length;

    public char Next => text[At];

    public char this[int index] => text[index];

    public char Take() => text[At++];

    /// <summary>Takes the characters if they are next.</summary>
    public bool Accept(string expected)
    {
        bool isThere = text.AsSpan(At).StartsWith(expected, StringComparison.Ordinal);
        At += isThere ? expected.Length : 0;
        return isThere;
    }

    /// <summary>Where it is, from here on; -1 if it is not.</summary>
    public int Find(char c) => text.IndexOf(c, At);

    public int Find(string found) => text.IndexOf(found, At, StringComparison.Ordinal);

    /// <summary>What is next, up to the index.</summary>
    public string Until(int end) => text[At..end];

    public string Between(int start, int end) => text[start..end];

    public ReadOnlySpan<char> Span(int length) => text.AsSpan(At, length);
}
