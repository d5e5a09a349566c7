using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>Metadata definitions go in and come out as they are.</summary>
public abstract class MetadefTests(RegistryHome home) : IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private static readonly ImageViewer Everyone = new(null, SeesEverything: true);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_namespace_is_kept_as_it_is_and_changes()
    {
        var registry = await home.OpenAsync();
        var wanted = new MetadefNamespace { Name = "OS::Größe", DisplayName = "Größe 𝄞", Description = "", IsPublic = true, Protected = true, Owner = "p1" };
        var stored = await Insert(registry, wanted);
        Assert.Equal(wanted with { Id = stored.Id, CreatedAt = home.Clock.Now, UpdatedAt = home.Clock.Now }, stored);
        Assert.Equal(stored, await registry.Metadefs.FindAsync("OS::Größe", Cancellation));
        Assert.Null(await registry.Metadefs.FindAsync("os::größe", Cancellation));
        Assert.Null(await registry.Metadefs.FindAsync("a\0b", Cancellation));
        Assert.Null(await registry.Do((unit, token) => unit.Metadefs.InsertAsync(wanted with { Owner = "p2" }, token)));

        home.Clock.Advance(Minute);
        var renamed = new MetadefNamespace { Id = stored.Id, Name = "renamed" };
        var changed = await registry.Do((unit, token) => unit.Metadefs.UpdateAsync(renamed, token));
        Assert.Equal(renamed with { CreatedAt = stored.CreatedAt, UpdatedAt = home.Clock.Now }, changed);
        Assert.Equal(changed, await registry.Metadefs.FindAsync("renamed", Cancellation));
        Assert.Null(await registry.Metadefs.FindAsync("OS::Größe", Cancellation));
        Assert.Null(await registry.Do((unit, token) => unit.Metadefs.UpdateAsync(renamed with { Id = stored.Id + 1000 }, token)));
    }

    [Fact]
    public async Task What_a_namespace_holds_is_by_kind_and_goes_with_it()
    {
        var registry = await home.OpenAsync();
        var (one, two) = (await Insert(registry, new() { Name = "one" }), await Insert(registry, new() { Name = "two" }));
        const string Definition = """{"title":"é 𝄞 \u0000","enum":[1,"'"],"z":null}""";
        foreach (var kind in Enum.GetValues<MetadefPartKind>())
        {
            foreach (var name in new[] { "b", "a" })
            {
                Assert.NotNull(await InsertPart(registry, one, new(kind, name, Definition)));
            }

            Assert.Null(await InsertPart(registry, one, new(kind, "a", "{}")));
            Assert.NotNull(await InsertPart(registry, two, new(kind, "a", "{}")));
        }

        var content = await LoadAsync(registry, "one");
        Assert.All(content.Parts, part => Assert.Equal((Definition, one.Id, home.Clock.Now), (part.Definition, part.NamespaceId, part.CreatedAt)));
        Assert.All(Enum.GetValues<MetadefPartKind>(), kind => Assert.Equal(["b", "a"], content.Of(kind).Select(part => part.Name)));

        home.Clock.Advance(Minute);
        var tag = content.Of(MetadefPartKind.Tag).First();
        var changed = await registry.Do((unit, token) => unit.Metadefs.UpdatePartAsync(tag with { Name = "c", Definition = "{}" }, token));
        Assert.Equal(tag with { Name = "c", Definition = "{}", UpdatedAt = home.Clock.Now }, changed);
        Assert.Null(await registry.Do((unit, token) => unit.Metadefs.UpdatePartAsync(tag with { Id = tag.Id + 1000 }, token)));
        Assert.Equal(["c", "a"], (await registry.Do((unit, token) => unit.Metadefs.ListPartsAsync(one.Id, MetadefPartKind.Tag, token))).Select(part => part.Name));

        Assert.Equal(1, await DeleteParts(registry, one, MetadefPartKind.Property, "a"));
        Assert.Equal(0, await DeleteParts(registry, one, MetadefPartKind.Property, "a"));
        Assert.Equal(2, await DeleteParts(registry, one, MetadefPartKind.Tag, null));
        Assert.Equal(5, (await LoadAsync(registry, "one")).Parts.Count);

        Assert.True(await registry.Do((unit, token) => unit.Metadefs.DeleteAsync(one.Id, token)));
        Assert.False(await registry.Do((unit, token) => unit.Metadefs.DeleteAsync(one.Id, token)));
        Assert.Null(await registry.Metadefs.LoadAsync("one", Cancellation));
        Assert.Equal(4, (await LoadAsync(registry, "two")).Parts.Count);
        Assert.Equal(4, await registry.Count("metadef_parts"));
    }

    [Fact]
    public async Task Resource_types_once_known_stay_known()
    {
        var registry = await home.OpenAsync();
        Assert.False(await registry.Do((unit, token) => unit.Metadefs.HasResourceTypesAsync(token)));
        var one = await Insert(registry, new() { Name = "one" });
        await InsertPart(registry, one, new(MetadefPartKind.ResourceType, "T::B", """{"prefix":"x_"}"""));
        var first = home.Clock.Now;
        home.Clock.Advance(Minute);
        await registry.Do(async (unit, token) =>
        {
            await unit.Metadefs.AddResourceTypeAsync("T::A", token);
            await unit.Metadefs.AddResourceTypeAsync("T::B", token);
            return await unit.Metadefs.DeleteAsync(one.Id, token);
        });
        Assert.True(await registry.Do((unit, token) => unit.Metadefs.HasResourceTypesAsync(token)));
        Assert.Equal(
            [new("T::B", first, first), new MetadefResourceType("T::A", home.Clock.Now, home.Clock.Now)], await registry.Metadefs.ListResourceTypesAsync(Cancellation));
    }

    [Fact]
    public async Task Lists_show_what_is_public_ones_own_or_nobodys()
    {
        var registry = await home.OpenAsync();
        foreach (var (name, isPublic, owner) in new[] { ("public", true, "p1"), ("mine", false, "p1"), ("theirs", false, "p2"), ("nobodys", false, (string?)null) })
        {
            await Insert(registry, new() { Name = name, IsPublic = isPublic, Owner = owner });
        }

        Assert.Equal(["mine", "nobodys", "public"], await NamesAsync(registry, ByName with { Viewer = new("p1", false) }));
        Assert.Equal(["nobodys", "public"], await NamesAsync(registry, ByName with { Viewer = new("p3", false) }));
        Assert.Equal(["nobodys", "public"], await NamesAsync(registry, ByName with { Viewer = new(null, false) }));
        Assert.Equal(["mine", "nobodys", "public", "theirs"], await NamesAsync(registry, ByName));
        Assert.Equal(["public"], await NamesAsync(registry, ByName with { IsPublic = true }));
        Assert.Equal(["mine", "nobodys"], await NamesAsync(registry, ByName with { IsPublic = false, Viewer = new("p1", false) }));
    }

    [Fact]
    public async Task Lists_are_found_by_resource_type_and_carry_their_types_only()
    {
        var registry = await home.OpenAsync();
        foreach (var (name, types) in new[] { ("both", new[] { "T::A", "T::B" }), ("a", ["T::A"]), ("none", []) })
        {
            var added = await Insert(registry, new() { Name = name });
            await InsertPart(registry, added, new(MetadefPartKind.Tag, "T::C", "{}"));
            foreach (var type in types)
            {
                await InsertPart(registry, added, new(MetadefPartKind.ResourceType, type, "{}"));
            }
        }

        Assert.Equal(["a", "both"], await NamesAsync(registry, ByName with { ResourceTypes = ["T::A", "x\0"] }));
        Assert.Equal(["both"], await NamesAsync(registry, ByName with { ResourceTypes = ["T::B", "T::C"] }));
        Assert.Empty(await NamesAsync(registry, ByName with { ResourceTypes = ["T::C"] }));
        Assert.Empty(await NamesAsync(registry, ByName with { ResourceTypes = ["x\0"] }));
        var listed = await registry.Metadefs.ListAsync(ByName, Cancellation);
        Assert.Equal(["", "T::A", "T::A,T::B"], listed.Select(one => string.Join(',', one.Parts.Select(part => part.Name))).Order(StringComparer.Ordinal));
    }

    /// <summary>Whatever the key, and however many share its value: pages hold every namespace once, in one order on every database, that of code points.</summary>
    [Fact]
    public async Task Pages_follow_each_other_by_every_key_in_both_directions()
    {
        var registry = await home.OpenAsync();
        string?[] words = ["a", "B", "_", "ä", "Z", "", null];
        List<MetadefNamespace> all = [];
        for (var i = 0; i < 14; i++)
        {
            all.Add(await Insert(registry, new() { Name = $"{words[i % 5]}{i / 5}", DisplayName = words[i * 3 % 7], Owner = words[i * 5 % 7] }));
            home.Clock.Advance(i % 3 == 0 ? Minute : TimeSpan.Zero);
        }

        foreach (var i in new[] { 9, 2, 11 })
        {
            all[i] = (await registry.Do((unit, token) => unit.Metadefs.UpdateAsync(all[i], token)))!;
            home.Clock.Advance(Minute);
        }

        foreach (var sort in Enum.GetValues<MetadefColumn>())
        {
            var sorted = all.OrderBy(one => KeyOf(one, sort), Comparer<object>.Create((x, y) => x is string s ? string.CompareOrdinal(s, (string)y) : Comparer<object>.Default.Compare(x, y)))
                .ThenBy(one => one.Id).Select(one => one.Name).ToList();
            foreach (var limit in new[] { 1, 4, 14 })
            {
                Assert.Equal(sorted, await PagesAsync(registry, ByName with { Sort = sort, Limit = limit }));
                Assert.Equal(sorted.AsEnumerable().Reverse(), await PagesAsync(registry, ByName with { Sort = sort, Limit = limit, Descending = true }));
            }
        }
    }

    [Fact]
    public async Task Of_gateways_that_add_the_same_namespace_at_once_one_does()
    {
        var registries = new[] { await home.OpenAsync(), await home.OpenAsync("gateway-2") };
        for (var round = 0; round < 5; round++)
        {
            var name = $"n{round}";
            var added = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => registries[i % 2].Do(async (unit, token) =>
            {
                if (await unit.Metadefs.FindAsync(name, token) is not null)
                {
                    return false;
                }

                var stored = await unit.Metadefs.InsertAsync(new() { Name = name }, token);
                return stored is not null && await unit.Metadefs.InsertPartAsync(stored.Id, new(MetadefPartKind.ResourceType, "T", "{}"), token) is not null;
            })));
            Assert.Equal(1, added.Count(done => done));
            Assert.Single((await LoadAsync(registries[1], name)).Parts);
        }
    }

    private static MetadefQuery ByName => new() { Viewer = Everyone, Sort = MetadefColumn.Name, Descending = false, Limit = 1000 };

    private static object KeyOf(MetadefNamespace one, MetadefColumn sort) => sort switch
    {
        MetadefColumn.CreatedAt => one.CreatedAt,
        MetadefColumn.UpdatedAt => one.UpdatedAt,
        MetadefColumn.Name => one.Name,
        MetadefColumn.DisplayName => one.DisplayName ?? "",
        MetadefColumn.Owner => one.Owner ?? "",
        _ => one.Id,
    };

    private static async Task<List<string>> NamesAsync(ImageRegistry registry, MetadefQuery query) =>
        [.. (await registry.Metadefs.ListAsync(query, Cancellation)).Select(one => one.Namespace.Name)];

    private static async Task<List<string>> PagesAsync(ImageRegistry registry, MetadefQuery query)
    {
        List<string> names = [];
        while (true)
        {
            var page = await registry.Metadefs.ListAsync(query, Cancellation);
            names.AddRange(page.Select(one => one.Namespace.Name));
            if (page.Count < query.Limit || names.Count > 100)
            {
                return names;
            }

            query = query with { After = page[^1].Namespace };
        }
    }

    private static async Task<MetadefNamespace> Insert(ImageRegistry registry, MetadefNamespace added) =>
        await registry.Do((unit, token) => unit.Metadefs.InsertAsync(added, token)) ?? throw new InvalidOperationException("The name is taken.");

    private static Task<MetadefPart?> InsertPart(ImageRegistry registry, MetadefNamespace into, MetadefPart part) =>
        registry.Do((unit, token) => unit.Metadefs.InsertPartAsync(into.Id, part, token));

    private static Task<int> DeleteParts(ImageRegistry registry, MetadefNamespace from, MetadefPartKind kind, string? name) =>
        registry.Do((unit, token) => unit.Metadefs.DeletePartsAsync(from.Id, kind, name, token));

    private static async Task<MetadefContent> LoadAsync(ImageRegistry registry, string name) =>
        await registry.Metadefs.LoadAsync(name, Cancellation) ?? throw new InvalidOperationException($"There is no namespace {name}.");
}
