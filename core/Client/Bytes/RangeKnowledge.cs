namespace GlanceGateway.Client;

/// <summary>What is known of an image's ranges: it depends on the store that the endpoint keeps it in.</summary>
public sealed class RangeKnowledge
{
    private volatile int _known;

    /// <summary>Nothing is known yet.</summary>
    public RangeKnowledge()
    {
    }

    /// <summary>From what was known before.</summary>
    public RangeKnowledge(bool? works) => Works = works;

    /// <summary>Whether ranges work; null when nobody tried.</summary>
    public bool? Works
    {
        get => _known switch { 0 => null, 1 => true, _ => false };
        internal set => _known = value switch { null => 0, true => 1, false => 2 };
    }
}
