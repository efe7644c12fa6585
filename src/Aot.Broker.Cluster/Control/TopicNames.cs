using Aot.Broker.Base;

namespace Aot.Broker.Cluster;

/// <summary>Which names a topic may have, and which two names are too alike.</summary>
public static class TopicNames
{
    // Names with more of the two characters are compared with every topic instead of trying all spellings.
    private const int SpellingsBitsMax = 6;

    /// <summary>Null for a name that may be used; else why not.</summary>
    public static string? Problem(string name)
    {
        if (name.Length == 0)
        {
            return "Topic name is invalid: the empty string is not allowed";
        }
        if (name is "." or "..")
        {
            return $"Topic name is invalid: '{name}' is not allowed";
        }
        if (name.Length > Limits.TopicNameLengthMax)
        {
            return $"Topic name is invalid: the length of '{name}' is longer than the max allowed length "
                + Limits.TopicNameLengthMax;
        }
        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))
            {
                return $"Topic name is invalid: '{name}' contains one or more characters other than ASCII "
                    + "alphanumerics, '.', '_' and '-'";
            }
        }
        return null;
    }

    /// <summary>
    /// An existing topic whose name differs only in '.' against '_', because such names clash in the names of metrics.
    /// The topic of the same name is not one.
    /// </summary>
    public static string? Collision(MetadataImage image, string name)
    {
        int places = 0;
        foreach (char c in name)
        {
            places += c is '.' or '_' ? 1 : 0;
        }
        if (places == 0)
        {
            return null;
        }
        return places <= SpellingsBitsMax ? AmongSpellings(image, name, places) : AmongAll(image, name);
    }

    private static string? AmongSpellings(MetadataImage image, string name, int places)
    {
        char[] spelling = name.ToCharArray();
        for (int bits = 0; bits < 1 << places; bits++)
        {
            int place = 0;
            for (int i = 0; i < spelling.Length; i++)
            {
                if (spelling[i] is '.' or '_')
                {
                    spelling[i] = (bits & (1 << place)) == 0 ? '.' : '_';
                    place++;
                }
            }
            string candidate = new(spelling);
            if (candidate != name && image.Topic(candidate) is not null)
            {
                return candidate;
            }
        }
        return null;
    }

    private static string? AmongAll(MetadataImage image, string name)
    {
        string same = name.Replace('.', '_');
        foreach (TopicImage topic in image.Topics)
        {
            if (topic.Name != name && topic.Name.Length == same.Length && topic.Name.Replace('.', '_') == same)
            {
                return topic.Name;
            }
        }
        return null;
    }
}
