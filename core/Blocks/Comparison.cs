namespace GlanceGateway.Blocks;

/// <summary>What came of comparing an object with its source.</summary>
internal enum Comparison
{
    /// <summary>All of it is here, and the same.</summary>
    Equal,

    /// <summary>Some of it is not here any more: evicted meanwhile, or rotten.</summary>
    Incomplete,

    /// <summary>It says something else.</summary>
    Different,
}
