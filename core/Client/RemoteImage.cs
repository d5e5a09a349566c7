namespace GlanceGateway.Client;

/// <summary>An image as an endpoint describes it; names as in the Images API.</summary>
public sealed record RemoteImage
{
    /// <summary>A UUID in its 36-character form.</summary>
    public required string Id { get; init; }

    /// <summary>Anything a user typed.</summary>
    public string? Name { get; init; }

    /// <summary><c>active</c> and others.</summary>
    public required string Status { get; init; }

    /// <summary><c>public</c>, <c>private</c>, <c>shared</c>, <c>community</c>.</summary>
    public string? Visibility { get; init; }

    /// <summary>The owning project's id.</summary>
    public string? Owner { get; init; }

    /// <summary>Bytes; null without data.</summary>
    public long? Size { get; init; }

    /// <summary>MD5 in hexadecimal.</summary>
    public string? Checksum { get; init; }

    /// <summary><c>sha512</c> and others; null with endpoints older than Rocky.</summary>
    public string? HashAlgorithm { get; init; }

    /// <summary>The hash in hexadecimal.</summary>
    public string? HashValue { get; init; }

    /// <summary><c>qcow2</c> and others.</summary>
    public string? DiskFormat { get; init; }

    /// <summary><c>bare</c> and others.</summary>
    public string? ContainerFormat { get; init; }

    /// <summary>GB.</summary>
    public long MinDisk { get; init; }

    /// <summary>MB.</summary>
    public long MinRam { get; init; }

    /// <summary>Words to find it by.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>When it last changed, by the endpoint's clock, in seconds.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Whether it has data that anybody may read.</summary>
    public bool HasData => Status == "active" && Size > 0;

    /// <summary>The best hash that is known: algorithm and hexadecimal value, or nulls.</summary>
    public (string? Algorithm, string? Value) BestHash => HashAlgorithm is not null && HashValue is not null ? (HashAlgorithm, HashValue)
        : Checksum is not null ? ("md5", Checksum) : (null, null);

    /// <summary>What tells this content from any other.</summary>
    public string Validator => $"{BestHash.Algorithm}:{BestHash.Value}/{Size}";

    /// <summary>Whether nothing that a reader sees differs. A record's own equality compares the list of tags by reference.</summary>
    public bool IsSameAs(RemoteImage other) => this with { Tags = other.Tags } == other && Tags.SequenceEqual(other.Tags);
}
